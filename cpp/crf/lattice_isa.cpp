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

}  // namespace

void locate(const Points& points, std::int32_t* simplex, float* weight) {
    switch (points.dimensions) {
        case 2: return locate_all<2>(points, simplex, weight);
        case 3: return locate_all<3>(points, simplex, weight);
        case 5: return locate_all<5>(points, simplex, weight);
        default: return locate_all<0>(points, simplex, weight);
    }
}

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
