// Locates points in the permutohedral lattice. Compiled once per instruction set, WITHOUT contraction into fused
// multiply-adds: coordinates of image features are often exactly equal, and the order of such ties determines which
// vertices exist, and so how the lattice blurs.
//
// Source: Adams, Baek, Davis, "Fast high-dimensional filtering using the permutohedral lattice", 2010, section 3; the
// order of the operations is that of Krähenbühl's densecrf, so that both build the same lattice.
#include "common/dispatch_isa.hpp"
#include "common/simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

// One vector of points. D is the number of dimensions, or 0 if it is known only at run time.
template <int D>
PIXELWISE_INLINE void locate_block(const Points& points, int at, std::int32_t* simplex, float* weight) {
    constexpr int room = D ? D : max_dimensions;
    const int d = D ? D : points.dimensions;
    const int stride = points.stride;
    const float cell = static_cast<float>(d + 1), per_cell = 1.0f / cell;
    using V = Float<lanes>;
    const V zero = all<lanes>(0.0f), one = all<lanes>(1.0f), cells = all<lanes>(cell);

    V elevated[room + 1], offset[room + 1], base[room + 1], rank[room + 1];
    V partial = zero;
    for (int j = d; j > 0; --j) {
        const V scaled = load<lanes>(points.features + (j - 1) * stride + at) * points.scale[j - 1];
        elevated[j] = partial - static_cast<float>(j) * scaled;
        partial = partial + scaled;
    }
    elevated[0] = partial;

    // The nearest point whose coordinates are all multiples of d + 1; it may lie off the plane of sum 0.
    V excess = zero;
    for (int i = 0; i <= d; ++i) {
        const V nearest = (per_cell * elevated[i] + round_shift) - round_shift;  // ties to even
        base[i] = nearest * cell;
        excess = excess + nearest;
        offset[i] = elevated[i] - base[i];
        rank[i] = zero;
    }

    // rank[i]: how many offsets are larger than that of axis i; the lower axis comes last among equals.
    for (int i = 0; i < d; ++i)
        for (int j = i + 1; j <= d; ++j) {
            const V behind = only(offset[i] < offset[j], one);
            rank[i] = rank[i] + behind;
            rank[j] = rank[j] + (one - behind);
        }

    // Back onto the plane: the axes of extreme rank move by one cell.
    V share[room + 1];
    for (int i = 0; i <= d; ++i) {
        const V moved = rank[i] + excess;
        const V shift = only(moved < zero, cells) - only(~(moved < cells), cells);
        rank[i] = moved + shift;
        base[i] = base[i] + shift;
        share[i] = (elevated[i] - base[i]) * per_cell;
        if (i < d) store(simplex + i * stride + at, to_int(base[i] - rank[i]));
    }

    // Differences of neighbours in the order of rank are the barycentric coordinates.
    V sorted[room + 1] = {};
    for (int r = 0; r <= d; ++r) {
        V found = zero;
        const V wanted = all<lanes>(static_cast<float>(r));
        for (int i = 0; i <= d; ++i)
            found = found + only(~((rank[i] < wanted) | (wanted < rank[i])), share[i]);
        sorted[r] = found;
    }
    store(weight + at, sorted[d] + (one - sorted[0]));
    for (int k = 1; k <= d; ++k) store(weight + k * stride + at, sorted[d - k] - sorted[d - k + 1]);
}

template <int D>
void locate_all(const Points& points, std::int32_t* simplex, float* weight) {
    for (int at = 0; at < points.count; at += lanes) locate_block<D>(points, at, simplex, weight);
}

// Words: their number, or 0 if it is known only at run time.
template <int Words>
void simplex_keys_of(const KeyFields& fields, int word, const std::int32_t* simplex, int count, int stride,
                     std::uint64_t* keys, int words) {
    const int step = Words ? Words : words;
    for (int i = 0; i < count; ++i) keys[i * step] = 0;
    for (int axis = 0; axis < fields.dimensions; ++axis, simplex += stride) {
        const Field field = fields.simplex[axis];
        const std::uint32_t least = static_cast<std::uint32_t>(field.least);
        if (field.word != word) continue;
        for (int i = 0; i < count; ++i)
            keys[i * step] += std::uint64_t{static_cast<std::uint32_t>(simplex[i]) - least} << field.shift;
    }
}

// Vertex 0 is the base point. From one vertex to the next: one step along all axes, and back by a cell on one of them, the
// axis of the largest rank first.
template <int Words>
void vertex_keys_of(const KeyFields& fields, int word, const std::int32_t* simplex, int count, int stride,
                    std::uint64_t* keys, int words) {
    const int d = fields.dimensions, step = Words ? Words : words;
    const std::uint32_t cell = static_cast<std::uint32_t>(d + 1);
    // Multiplying by this and dropping 32 bits divides numbers below 2^23 by a cell.
    const std::uint64_t per_cell = (std::uint64_t{1} << 32) / cell + 1;
    const std::uint64_t remainder = fields.remainder.word == word ? std::uint64_t{1} << fields.remainder.shift : 0;
    for (int begin = 0; begin < count; begin += lanes) {
        std::uint64_t quotient[max_dimensions][lanes], rank[max_dimensions][lanes];
        for (int axis = 0; axis < d; ++axis) {
            const std::int64_t least = fields.simplex[axis].least;  // a multiple of a cell
            const std::uint64_t shift = static_cast<std::uint64_t>(least / (d + 1) - fields.quotient[axis].least);
            for (int i = 0; i < lanes; ++i) {
                const std::uint32_t coordinate = static_cast<std::uint32_t>(simplex[axis * stride + begin + i]);
                const std::uint32_t above = coordinate - static_cast<std::uint32_t>(least);
                const std::uint64_t base = std::uint64_t{above + static_cast<std::uint32_t>(d)} * per_cell >> 32;
                rank[axis][i] = base * cell - above;
                quotient[axis][i] = base + shift;
            }
        }
        for (int k = 0; k <= d; ++k) {
            const std::uint64_t last = static_cast<std::uint64_t>(d - k);  // the largest rank that stays
            std::uint64_t sum[lanes];
            for (int i = 0; i < lanes; ++i) sum[i] = static_cast<std::uint64_t>(k) * remainder;
            for (int axis = 0; axis < d; ++axis) {
                const Field to = fields.quotient[axis];
                if (to.word != word) continue;
                for (int i = 0; i < lanes; ++i) sum[i] += (quotient[axis][i] - (rank[axis][i] > last ? 1 : 0)) << to.shift;
            }
            for (int i = 0; i < lanes; ++i) keys[(k * stride + begin + i) * step] = sum[i];
        }
    }
}

// In steps without branches, so that the loads of several keys overlap.
template <int Words>
void find_keys_of(const KeySlots& table, const std::uint64_t* keys, const std::uint64_t* hashes, int count,
                  std::int32_t* numbers) {
    const int words = Words ? Words : table.words;
    for (int begin = 0; begin < count; begin += lanes) {
        const int here = count - begin < lanes ? count - begin : lanes;
        std::int64_t found[lanes];
        for (int i = 0; i < here; ++i) found[i] = table.slots[hashes[begin + i] & table.mask];
        for (int i = 0; i < here; ++i) {
            const std::uint64_t* const known = table.keys + (found[i] < 0 ? 0 : found[i]) * words;
            const std::uint64_t* const key = keys + (begin + i) * words;
            std::uint64_t difference = 0;
            for (int w = 0; w < words; ++w) difference |= known[w] ^ key[w];
            numbers[begin + i] = static_cast<std::int32_t>(found[i] < 0      ? KeySlots::free
                                                           : difference != 0 ? KeySlots::unclear
                                                                             : found[i]);
        }
    }
}

}  // namespace

void locate(const Points& points, std::int32_t* simplex, float* weight) {
    switch (points.dimensions) {
        case 2: return locate_all<2>(points, simplex, weight);
        case 3: return locate_all<3>(points, simplex, weight);
        case 5: return locate_all<5>(points, simplex, weight);
        default: return locate_all<0>(points, simplex, weight);
    }
}

void simplex_keys(const KeyFields& fields, int word, const std::int32_t* simplex, int count, int stride,
                  std::uint64_t* keys, int words) {
    if (words == 1) return simplex_keys_of<1>(fields, word, simplex, count, stride, keys, 1);
    simplex_keys_of<0>(fields, word, simplex, count, stride, keys, words);
}

void vertex_keys(const KeyFields& fields, int word, const std::int32_t* simplex, int count, int stride,
                 std::uint64_t* keys, int words) {
    if (words == 1) return vertex_keys_of<1>(fields, word, simplex, count, stride, keys, 1);
    vertex_keys_of<0>(fields, word, simplex, count, stride, keys, words);
}

void find_keys(const KeySlots& table, const std::uint64_t* keys, const std::uint64_t* hashes, int count,
               std::int32_t* numbers) {
    if (table.words == 1) return find_keys_of<1>(table, keys, hashes, count, numbers);
    find_keys_of<0>(table, keys, hashes, count, numbers);
}

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
