// The loops of a mean-field iteration. Compiled once per instruction set, with fused multiply-adds where they exist.
#include "kernels_isa.hpp"
#include "simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

using Index = std::ptrdiff_t;

// `Columns` (a multiple of 8) neighbouring numbers of a row: whole vectors, and half a vector where those have 16 lanes.
template <int Columns>
struct Block {
    static constexpr int columns = Columns, whole = Columns / lanes, rest = Columns % lanes;
    Float<lanes> part[whole > 0 ? whole : 1];
    Float<(rest > 0 ? rest : 4)> tail;

    static PIXELWISE_INLINE Block read(const float* from) {
        Block block;
        for (int k = 0; k < whole; ++k) block.part[k] = load<lanes>(from + k * lanes);
        if constexpr (rest > 0) block.tail = load<rest>(from + whole * lanes);
        return block;
    }
    PIXELWISE_INLINE void write(float* to) const {
        for (int k = 0; k < whole; ++k) store(to + k * lanes, part[k]);
        if constexpr (rest > 0) store(to + whole * lanes, tail);
    }
    // Each vector v becomes work(v, the same vector of the others...).
    template <class Work, class... Others>
    PIXELWISE_INLINE void change(const Work& work, const Others&... others) {
        for (int k = 0; k < whole; ++k) part[k] = work(part[k], others.part[k]...);
        if constexpr (rest > 0) tail = work(tail, others.tail...);
    }
    static PIXELWISE_INLINE Block zero() {
        Block block;
        for (int k = 0; k < whole; ++k) block.part[k] = all<lanes>(0.0f);
        if constexpr (rest > 0) block.tail = all<rest>(0.0f);
        return block;
    }
    PIXELWISE_INLINE void add(float weight, const Block& other) {
        change([weight](auto mine, auto its) { return mine + weight * its; }, other);
    }
};

// The block of a width that is less than a whole number of the largest blocks.
template <int Columns, class Work>
PIXELWISE_INLINE void for_last_block(int width, int first, const Work& work) {
    if (width - first == Columns) return work(Block<Columns>(), first);
    if constexpr (Columns > 8) for_last_block<Columns - 8>(width, first, work);
}

// Calls work(an empty block, its first column) for blocks that cover `width`, of at most `Most` columns each.
template <int Most, class Work>
PIXELWISE_INLINE void for_blocks(int width, const Work& work) {
    int first = 0;
    for (; first + Most <= width; first += Most) work(Block<Most>(), first);
    if constexpr (Most > 8)
        if (first < width) for_last_block<Most - 8>(width, first, work);
}

// As many vectors as leave registers for what goes with them.
constexpr int four_vectors = 4 * lanes, two_vectors = 2 * lanes;

constexpr int softmax_batch = 16;

// Corners: of a simplex, or 0 when only known at run time.
template <int Corners>
void slice_corners(const SweepView& view, Index begin, int count, const float* in, float* out) {
    const int corners = Corners ? Corners : view.corners;
    const Index width = view.rows.width;
    for_blocks<four_vectors>(view.rows.width, [&](auto block, int first) {
        using B = decltype(block);
        const float* const values = view.rows.values + first;
        const float* weight = view.weight + begin * corners;
        for (int i = 0; i < count; ++i, weight += corners) {
            const std::int32_t* vertex = view.vertex + static_cast<Index>(view.simplex[begin + i]) * corners;
            B total = B::read(in + i * width + first);
            for (int k = 0; k < corners; ++k) total.add(weight[k], B::read(values + vertex[k] * width));
            total.write(out + i * width + first);
        }
    });
}

template <int Corners>
void splat_corners(const SweepView& view, Index begin, int count, const float* in) {
    const int corners = Corners ? Corners : view.corners;
    const Index width = view.rows.width;
    for_blocks<four_vectors>(view.rows.width, [&](auto block, int first) {
        using B = decltype(block);
        float* const values = view.rows.values + first;
        const float* weight = view.weight + begin * corners;
        for (int i = 0; i < count; ++i, weight += corners) {
            const std::int32_t* vertex = view.vertex + static_cast<Index>(view.simplex[begin + i]) * corners;
            const B value = B::read(in + i * width + first);
            for (int k = 0; k < corners; ++k) {
                float* const row = values + vertex[k] * width;
                B total = B::read(row);
                total.add(weight[k], value);
                total.write(row);
            }
        }
    });
}

// The same, but the rows of a simplex stay in registers for as long as the positions share it.
template <int Corners>
void splat_groups(const SweepView& view, Index begin, int count, const float* in) {
    const Index width = view.rows.width;
    for_blocks<two_vectors>(view.rows.width, [&](auto block, int first) {
        using B = decltype(block);
        float* const values = view.rows.values + first;
        const float* weight = view.weight + begin * Corners;
        for (int i = 0; i < count;) {
            const std::int32_t simplex = view.simplex[begin + i];
            const std::int32_t* vertex = view.vertex + static_cast<Index>(simplex) * Corners;
            B total[Corners];
            for (int k = 0; k < Corners; ++k) total[k] = B::read(values + vertex[k] * width);
            do {
                const B value = B::read(in + i * width + first);
                for (int k = 0; k < Corners; ++k) total[k].add(weight[k], value);
                weight += Corners;
                ++i;
            } while (i < count && view.simplex[begin + i] == simplex);
            for (int k = 0; k < Corners; ++k) total[k].write(values + vertex[k] * width);
        }
    });
}

void slice(const SweepView& view, Index begin, int count, const float* in, float* out) {
    switch (view.corners) {
        case 3: return slice_corners<3>(view, begin, count, in, out);
        case 4: return slice_corners<4>(view, begin, count, in, out);
        case 6: return slice_corners<6>(view, begin, count, in, out);
        default: return slice_corners<0>(view, begin, count, in, out);
    }
}

void splat(const SweepView& view, Index begin, int count, const float* in, bool grouped) {
    if (grouped && view.corners == 6) return splat_groups<6>(view, begin, count, in);
    switch (view.corners) {
        case 3: return splat_corners<3>(view, begin, count, in);
        case 4: return splat_corners<4>(view, begin, count, in);
        case 6: return splat_corners<6>(view, begin, count, in);
        default: return splat_corners<0>(view, begin, count, in);
    }
}

PIXELWISE_INLINE float sum_of_8(const float* x) {
    return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}

// out = 2^in; sums[i] is the sum of row i.
void powers(int count, int width, const float* in, float* out, float* sums) {
    float partial[softmax_batch * 8];
    for_blocks<four_vectors>(width, [&](auto block, int first) {
        using B = decltype(block);
        for (int i = 0; i < count; ++i) {
            B power = B::read(in + i * width + first);
            power.change([](auto x) { return exp2(x); });
            power.write(out + i * width + first);
            // Columns k, k + 8, k + 16, ... are added up in partial[k]; sums over 8 neighbours follow.
            const float* const at = out + i * width + first;
            constexpr int narrow = lanes < 8 ? lanes : 8;
            for (int k = 0; k < 8; k += narrow) {
                Float<narrow> total = first == 0 ? all<narrow>(0.0f) : load<narrow>(partial + i * 8 + k);
                if constexpr (narrow == lanes) {
                    for (int v = k / narrow; v < B::whole; v += 8 / narrow) total = total + power.part[v];
                } else {
                    for (int c = k; c < B::columns; c += 8) total = total + load<narrow>(at + c);
                }
                store(partial + i * 8 + k, total);
            }
        }
    });
    for (int i = 0; i < count; ++i) sums[i] = sum_of_8(partial + i * 8);
}

// The largest logit taken away first, for rows whose powers leave the range of floats.
void powers_of_differences(int width, const float* in, float* out, float* sum) {
    float best = in[0];
    for (int c = 1; c < width; ++c) best = in[c] > best ? in[c] : best;
    for (int c = 0; c < width; ++c) out[c] = in[c] - best;
    powers(1, width, out, out, sum);
}

// Rows in batches, so that the steps of one row, each of which waits for the one before, overlap with those of others.
void softmax(int count, int width, const float* in, float* out) {
    float sums[softmax_batch];
    for (; count > 0; count -= softmax_batch, in += softmax_batch * width, out += softmax_batch * width) {
        const int rows = count < softmax_batch ? count : softmax_batch;
        powers(rows, width, in, out, sums);
        for (int i = 0; i < rows; ++i)
            if (!(sums[i] > 1e-30f && sums[i] < 1e30f))
                powers_of_differences(width, in + i * width, out + i * width, sums + i);
        for (int i = 0; i < rows; ++i) sums[i] = 1.0f / sums[i];
        for_blocks<four_vectors>(width, [&](auto block, int first) {
            using B = decltype(block);
            for (int i = 0; i < rows; ++i) {
                const float scale = sums[i];
                B belief = B::read(out + i * width + first);
                belief.change([scale](auto x) { return x * scale; });
                belief.write(out + i * width + first);
            }
        });
    }
}

void blur(const Link* links, Index count, const Rows& rows) {
    if (count == 0) return;
    const Index width = rows.width;
    for_blocks<four_vectors>(rows.width, [&](auto block, int first) {
        using B = decltype(block);
        float* const values = rows.values + first;
        B current = B::read(values + links[0].row * width), before = B::zero();  // before: half of what was there
        for (Index n = 0; n < count; ++n) {
            const float half = links[n].half;
            const B next = B::read(values + links[n + 1 < count ? n + 1 : n].row * width);
            B blurred = current;
            blurred.change([half](auto here, auto left, auto right) { return (here + left) + half * right; }, before, next);
            blurred.write(values + links[n].row * width);
            before = current;
            before.change([half](auto x) { return half * x; });
            current = next;
        }
    });
}

void move_add(float* to, float* from, Index count) {
    for (Index i = 0; i < count; i += 8) {
        Block<8> total = Block<8>::read(to + i);
        total.add(1.0f, Block<8>::read(from + i));
        total.write(to + i);
        Block<8>::zero().write(from + i);
    }
}

void transform(const Rows& rows, Index begin, Index end, const float* matrix, float* scratch) {
    const Index width = rows.width;
    for (Index r = begin; r < end; ++r) {
        float* const row = rows.values + r * width;
        for (Index c = 0; c < width; ++c) scratch[c] = row[c];
        for_blocks<four_vectors>(rows.width, [&](auto block, int first) {
            using B = decltype(block);
            B total = B::zero();
            for (Index c = 0; c < width; ++c) total.add(scratch[c], B::read(matrix + c * width + first));
            total.write(row + first);
        });
    }
}

}  // namespace

#define PIXELWISE_TEXT(isa) #isa
#define PIXELWISE_NAME(isa) PIXELWISE_TEXT(isa)

extern const Kernels kernels;
const Kernels kernels = {PIXELWISE_NAME(PIXELWISE_ISA), &locate,   &slice,     &splat, &softmax, &blur,
                         &move_add,                     &transform, &convolution_kernels};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
