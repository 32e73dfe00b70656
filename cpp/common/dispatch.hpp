// The inner loops that exist once per instruction set, and the choice among them at run time. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pixelwise {

constexpr int max_dimensions = 16;

// Points of a block, one array of `stride` values per dimension.
struct Points {
    int dimensions;
    const float* features;  // (dimensions, stride)
    const float* scale;     // (dimensions) of the elevation
    int count, stride;      // stride: a multiple of 16, at least count; values between are read too
};

// Where a number lies in a key of 64-bit words: word `word` contains (number - least) << shift.
struct Field {
    int word = 0, shift = 0, bits = 0;
    std::int64_t least = 0;

    template <class Key>
    Key unit() const {
        Key key;
        key.word[word] = std::uint64_t{1} << shift;
        return key;
    }
    template <class Key>
    std::int64_t raw(const Key& key) const {
        return static_cast<std::int64_t>(key.word[word] >> shift & ((std::uint64_t{1} << bits) - 1));
    }
};

// How keys are made of the coordinates that locate() finds; see LatticeFields.
struct KeyFields {
    int dimensions;
    const Field *simplex, *quotient;  // (dimensions)
    Field remainder;
};

// A hash table of keys. slots[hash & mask], or the next slot that is free or holds the key, is that of a key.
struct KeySlots {
    static constexpr std::int32_t free = -1, unclear = -2;
    const std::int32_t* slots;  // numbers of keys
    std::uint64_t mask;
    const std::uint64_t* keys;  // (their number, words); at least one
    int words;
};

// One row of numbers per lattice vertex. `width`, the number of classes padded to a multiple of 8, is also the distance
// between rows; the first row starts a cache line.
struct Rows {
    float* values;
    std::ptrdiff_t count;
    int width;
};

// One lattice, as a sweep over pixels needs it.
struct SweepView {
    int corners;                  // dimensions + 1
    const std::int32_t* simplex;  // (positions)
    const std::int32_t* row;      // (simplices, corners): where rows begin, in pairs of floats from rows.values
    const float* weight;          // (positions, corners)
    Rows rows;
    bool runs;                    // whether neighbouring positions often share a simplex
};

// A vertex in a chain of neighbours along one direction: `half` is 0 at the end of a chain and 1/2 before.
struct Link {
    std::int32_t row;  // as in SweepView
    float half;
};

// Every `step`-th pixel of an image (height, width, channels), starting at `row` and `column`.
template <class T>
struct Pixels {
    T* data;
    std::ptrdiff_t height, width, channels;
    std::ptrdiff_t row, column, step;
};

// The steps of winograd.hpp. Tiles have side x side numbers per channel, called points; a tile's points lie `stride` apart.
// Channels are grouped in panels of `columns` channels.
struct ConvolutionRoutines {
    int rows, columns;  // the block of products that stays in registers

    // The points of filters from their taps (filter_size * filter_size, columns).
    void (*weigh)(int side, int filter_size, const float* taps, float* out, std::ptrdiff_t stride);

    // The points of a tile of the image, zeros outside; panels lie `panel` apart.
    void (*gather)(int side, const Pixels<const float>& tile, float* out, std::ptrdiff_t stride, std::ptrdiff_t panel);

    // c[i, j] = sum over k < depth of a[i, k] b[k, j] for `count` (a multiple of `rows`) rows and `columns` columns; rows of
    // a lie `a_stride` apart, those of c `c_stride`.
    void (*multiply)(std::ptrdiff_t count, std::ptrdiff_t depth, const float* a, std::ptrdiff_t a_stride, const float* b,
                     float* c, std::ptrdiff_t c_stride);

    // The tile's results from its products, plus bias; rectified: 0 where negative; pooled: the largest of every 2 x 2, image
    // being the pooled one, whose full size is `full_height` x `full_width`.
    struct Results {
        Pixels<float> tile;
        const float* bias;
        bool rectified, pooled;
        std::ptrdiff_t full_height, full_width;
    };
    void (*scatter)(int side, int filter_size, const float* products, std::ptrdiff_t stride, const Results& results);

    // `scatter` transposed: the gradient of the products from that of the tile's results, zeros outside.
    void (*spread)(int side, int filter_size, const Pixels<const float>& tile, float* out, std::ptrdiff_t stride,
                   std::ptrdiff_t panel);

    // c[i, j] (+= if `add`, else =) sum over k < depth of a[k, i] b[k, j], for `count` rows and `columns` columns; a is
    // in panels of (depth, columns), `a_panel` apart, b is one panel, rows of c lie `c_stride` apart.
    void (*correlate)(std::ptrdiff_t count, std::ptrdiff_t depth, const float* a, std::ptrdiff_t a_panel, const float* b,
                      float* c, std::ptrdiff_t c_stride, bool add);

    // `weigh` transposed: the gradient of taps from that of the filters' points.
    void (*unweigh)(int side, int filter_size, const float* products, std::ptrdiff_t stride, float* taps);
};

constexpr int most_classes = 256;
constexpr int depthwise_step = 16;  // channel counts are multiples

// Scores (pixels, classes), labels (pixels) and the weights of classes in a loss.
struct ScoredPixels {
    const float* scores;
    const std::uint8_t* labels;
    const float* weights;
    int classes;  // at most most_classes
};

struct DepthwiseLayer {
    std::ptrdiff_t channels;
    int filter_size, stride, padding, dilation;  // filter_size: 3 or 5
};

// in: (count, height, width, channels); gradient, that of the results: (count, out_height, out_width, channels).
struct DepthwiseMaps {
    const float *in, *gradient;
    std::ptrdiff_t count, height, width, out_height, out_width;
};

// The loops of learning.hpp.
struct LearningRoutines {
    double (*cross_entropy)(const ScoredPixels& pixels, std::ptrdiff_t count, float scale, float* gradient);

    // For the channels from `begin` to `end`, multiples of depthwise_step; sums: (channels / step, filter_size * filter_size, step).
    void (*correlate_depthwise)(const DepthwiseLayer& layer, const DepthwiseMaps& maps, std::ptrdiff_t begin,
                                std::ptrdiff_t end, float* sums);
};

// The loops of resample.hpp, over `count` neighbouring pixels.
struct ResamplingRoutines {
    // out = upper + weight * (lower - upper).
    void (*blend)(const float* upper, const float* lower, float weight, std::ptrdiff_t count, float* out);

    // out[x] lies between in[low[x]] and the next number, which has this weight. low must not fall. Up to 32 numbers
    // after the last one are read.
    void (*stretch)(const float* in, const std::int32_t* low, const float* weight, std::ptrdiff_t count, float* out);

    // The largest of the scores (classes, stride) of each pixel, its class, the lowest on ties, and its probability.
    // The scores become exp(score - best).
    void (*best_of)(float* scores, std::ptrdiff_t classes, std::ptrdiff_t stride, std::ptrdiff_t count, float* best,
                    std::int32_t* label, float* confidence);

    // out = values * factor, or plus that.
    void (*multiply)(const float* values, const float* factor, std::ptrdiff_t count, float* out);
    void (*add_product)(const float* values, const float* factor, std::ptrdiff_t count, float* out);
};

struct Routines {
    const char* name;

    // The simplex of each point: simplex (dimensions, stride) holds, per axis, its base point minus the rank of that
    // axis (together they identify it); weight (dimensions + 1, stride) the barycentric coordinates.
    void (*locate)(const Points& points, std::int32_t* simplex, float* weight);

    // One word of the keys of `count` simplices (dimensions, stride), as locate() finds them: keys[words * i].
    void (*simplex_keys)(const KeyFields& fields, int word, const std::int32_t* simplex, int count, int stride,
                         std::uint64_t* keys, int words);

    // The same of their vertices, with vertex k of simplex i at keys[words * (k * stride + i)]. stride is a multiple of 16;
    // keys of up to 15 more simplices are written.
    void (*vertex_keys)(const KeyFields& fields, int word, const std::int32_t* simplex, int count, int stride,
                        std::uint64_t* keys, int words);

    // The numbers of `count` keys (count, words), as far as their first slots tell: `free` of those that are not in the
    // table, `unclear` if another key has the slot.
    void (*find_keys)(const KeySlots& table, const std::uint64_t* keys, const std::uint64_t* hashes, int count,
                      std::int32_t* numbers);

    // The sweep over the positions [begin, begin + count), with in and out (count, width). Terms come by their number of
    // corners; in and out may be the same for slice() but not for beliefs().
    // The message of a term is m[i] = sum_k weight[i, k] * row(simplex[i], k). slice: out[i] = in[i] + all messages.
    void (*slice)(const SweepView* terms, int term_count, std::ptrdiff_t begin, int count, int width, const float* in,
                  float* out);

    // out[i] = 2^s / sum_c 2^s with s = in[i] + all messages.
    void (*beliefs)(const SweepView* terms, int term_count, std::ptrdiff_t begin, int count, int width, const float* in,
                    float* out);

    // Rows without terms: out = 2^in, and of each row the sum of out * chosen.
    void (*powers_of)(const float* in, int count, int width, const float* chosen, float* out, float* sums);

    // Of each term, row(simplex[i], k) += weight[i, k] * in[i].
    void (*splat)(const SweepView* terms, int term_count, std::ptrdiff_t begin, int count, int width, const float* in);

    // Along each chain, in place: new[n] = old[n] + (old[n - 1] + old[n + 1]) / 2, where a missing neighbour is 0.
    void (*blur)(const Link* links, std::ptrdiff_t count, const Rows& rows);

    // Of `count` rows: most[c] becomes the largest number of column c, unless it is larger already.
    void (*largest)(const float* rows, std::ptrdiff_t count, int width, float* most);

    // Multiplies row i by factors[i].
    void (*scale)(float* rows, int count, int width, const float* factors);

    // to[i] += from[i], from[i] = 0.
    void (*move_add)(float* to, float* from, std::ptrdiff_t count);

    // Each row r of [begin, end) becomes matrix * r; column c of the matrix is at matrix + c * rows.width.
    void (*transform)(const Rows& rows, std::ptrdiff_t begin, std::ptrdiff_t end, const float* matrix,
                      float* scratch);

    // to[column, row] = from[row, column]; steps lie between rows; rows and columns are multiples of 4.
    void (*transpose)(const float* from, std::ptrdiff_t from_step, int rows, int columns, float* to,
                      std::ptrdiff_t to_step);

    // Rows of `width` floats in another order: pick: to[i] = from[order[i] - first]; place: to[order[i] - first] = from[i].
    void (*pick)(const float* from, const std::int32_t* order, std::int32_t first, int count, int width, float* to);
    void (*place)(const float* from, const std::int32_t* order, std::int32_t first, int count, int width, float* to);

    const ConvolutionRoutines* convolution;
    const LearningRoutines* learning;
    const ResamplingRoutines* resampling;
};

// The dispatch table of the best set that this processor runs. `force` ("baseline", "avx2", "avx512") overrides the
// choice; the result is nullptr if that set is unknown, was not built in or does not run here.
const Routines* find_routines(const char* force = nullptr);

// Whether the processor multiplies 8-bit integers and adds their products up in one instruction: AVX-512 VNNI, AVX-VNNI
// or ARM's dot product.
bool has_int8_products();

}  // namespace pixelwise
