// The loops of a mean-field iteration. Compiled once per instruction set, with fused multiply-adds where they exist.
#include "kernels_isa.hpp"
#include "simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

using Index = std::ptrdiff_t;

// Columns (classes) that a pass keeps in registers: two vectors, but never more than a plane.
constexpr int most_columns = 2 * lanes < plane_width ? 2 * lanes : plane_width;

// The widest vector that divides every width.
constexpr int narrow = lanes < 8 ? lanes : 8;

// `Columns` neighbouring floats of a row.
template <int Columns>
struct Block {
    static constexpr int each = Columns < lanes ? Columns : lanes, size = Columns / each;
    Float<each> part[size];

    PIXELWISE_INLINE static Block read(const float* from) {
        Block block;
        for (int k = 0; k < size; ++k) block.part[k] = load<each>(from + k * each);
        return block;
    }
    PIXELWISE_INLINE void write(float* to) const {
        for (int k = 0; k < size; ++k) store(to + k * each, part[k]);
    }
    PIXELWISE_INLINE void add(float weight, const Block& other) {
        for (int k = 0; k < size; ++k) part[k] = part[k] + weight * other.part[k];
    }
};

// Calls work(block type, column, row width of its plane) for blocks that cover `width` and lie within one plane each.
template <class Work>
PIXELWISE_INLINE void for_blocks(int width, const Work& work) {
    int column = 0;
    for (; column + most_columns <= width; column += most_columns) work(Block<most_columns>{}, column);
    if (column < width) work(Block<8>{}, column);
}

// Where the column starts in row 0, and how far rows lie apart.
struct Column {
    float* start;
    Index step;
    PIXELWISE_INLINE Column(const Planes& planes, int column) {
        const int first = column / plane_width * plane_width;
        step = planes.width - first < plane_width ? planes.width - first : plane_width;
        start = planes.values + first * planes.rows + (column - first);
    }
    PIXELWISE_INLINE float* row(Index index) const { return start + index * step; }
};

// D: the number of corners, or 0 when only known at run time.
template <int D>
void slice_corners(const SweepView& view, Index begin, int count, const float* in, float* out) {
    const int corners = D ? D : view.corners, width = view.planes.width;
    for_blocks(width, [&](auto type, int first) {
        using B = decltype(type);
        const Column column(view.planes, first);
        for (int i = 0; i < count; ++i) {
            const std::int32_t* vertex = view.vertex + static_cast<Index>(view.simplex[begin + i]) * corners;
            const float* weight = view.weight + (begin + i) * corners;
            B total = B::read(in + static_cast<Index>(i) * width + first);
            for (int k = 0; k < corners; ++k) total.add(weight[k], B::read(column.row(vertex[k])));
            total.write(out + static_cast<Index>(i) * width + first);
        }
    });
}

template <int D>
void splat_corners(const SweepView& view, Index begin, int count, const float* in) {
    const int corners = D ? D : view.corners, width = view.planes.width;
    for_blocks(width, [&](auto type, int first) {
        using B = decltype(type);
        const Column column(view.planes, first);
        for (int i = 0; i < count; ++i) {
            const std::int32_t* vertex = view.vertex + static_cast<Index>(view.simplex[begin + i]) * corners;
            const float* weight = view.weight + (begin + i) * corners;
            const B value = B::read(in + static_cast<Index>(i) * width + first);
            for (int k = 0; k < corners; ++k) {
                float* row = column.row(vertex[k]);
                B total = B::read(row);
                total.add(weight[k], value);
                total.write(row);
            }
        }
    });
}

// As above, but the rows of a simplex stay in registers for as long as the positions share it.
template <int D>
void splat_groups(const SweepView& view, Index begin, int count, const float* in) {
    const int width = view.planes.width;
    for_blocks(width, [&](auto type, int first) {
        using B = decltype(type);
        const Column column(view.planes, first);
        for (int i = 0; i < count;) {
            const std::int32_t simplex = view.simplex[begin + i];
            const std::int32_t* vertex = view.vertex + static_cast<Index>(simplex) * D;
            B total[D];
            for (int k = 0; k < D; ++k) total[k] = B::read(column.row(vertex[k]));
            do {
                const float* weight = view.weight + (begin + i) * D;
                const B value = B::read(in + static_cast<Index>(i) * width + first);
                for (int k = 0; k < D; ++k) total[k].add(weight[k], value);
                ++i;
            } while (i < count && view.simplex[begin + i] == simplex);
            for (int k = 0; k < D; ++k) total[k].write(column.row(vertex[k]));
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

// out = 2^in, not yet divided by the sum, which is returned.
PIXELWISE_INLINE float powers(int width, const float* in, float* out) {
    Float<narrow> total = all<narrow>(0.0f);
    for_blocks(width, [&](auto type, int first) {
        using B = decltype(type);
        B block = B::read(in + first);
        for (int k = 0; k < B::size; ++k) block.part[k] = exp2<B::each>(block.part[k]);
        block.write(out + first);
        if constexpr (B::each == narrow)
            for (int k = 0; k < B::size; ++k) total = total + block.part[k];
        else
            for (int k = 0; k < B::size * B::each; k += narrow) total = total + load<narrow>(out + first + k);
    });
    return sum<narrow>(total);
}

// The largest logit taken away first, for rows whose powers leave the range of floats.
float powers_of_differences(int width, const float* in, float* out) {
    float best = in[0];
    for (int c = 1; c < width; ++c) best = in[c] > best ? in[c] : best;
    for (int c = 0; c < width; ++c) out[c] = in[c] - best;
    return powers(width, out, out);
}

void softmax(int count, int width, const float* in, float* out) {
    for (int i = 0; i < count; ++i, in += width, out += width) {
        float total = powers(width, in, out);
        if (!(total > 1e-30f && total < 1e30f)) total = powers_of_differences(width, in, out);
        const float scale = 1.0f / total;
        for_blocks(width, [&](auto type, int first) {
            using B = decltype(type);
            B block = B::read(out + first);
            for (int k = 0; k < B::size; ++k) block.part[k] = block.part[k] * scale;
            block.write(out + first);
        });
    }
}

void blur(const Link* links, Index count, const Planes& planes) {
    if (count == 0) return;
    for_blocks(planes.width, [&](auto type, int first) {
        using B = decltype(type);
        const Column column(planes, first);
        B current = B::read(column.row(links[0].row));
        B before;  // half of the row before, as it was
        for (int k = 0; k < B::size; ++k) before.part[k] = all<B::each>(0.0f);
        for (Index n = 0; n < count; ++n) {
            const float half = links[n].half;
            const Index following = n + 1 < count ? n + 1 : n;
            const B next = B::read(column.row(links[following].row));
            B blurred = current;
            for (int k = 0; k < B::size; ++k) {
                blurred.part[k] = (current.part[k] + before.part[k]) + half * next.part[k];
                before.part[k] = half * current.part[k];
            }
            blurred.write(column.row(links[n].row));
            current = next;
        }
    });
}

void move_add(float* to, float* from, Index count) {
    const Float<narrow> zero = all<narrow>(0.0f);
    for (Index i = 0; i < count; i += narrow) {
        store(to + i, load<narrow>(to + i) + load<narrow>(from + i));
        store(from + i, zero);
    }
}

void transform(const Planes& planes, Index begin, Index end, const float* matrix, float* scratch) {
    const int width = planes.width;
    for (Index r = begin; r < end; ++r) {
        for_blocks(width, [&](auto type, int first) {
            decltype(type)::read(Column(planes, first).row(r)).write(scratch + first);
        });
        for_blocks(width, [&](auto type, int first) {
            using B = decltype(type);
            B total;
            for (int k = 0; k < B::size; ++k) total.part[k] = all<B::each>(0.0f);
            for (int c = 0; c < width; ++c) total.add(scratch[c], B::read(matrix + static_cast<Index>(c) * width + first));
            total.write(Column(planes, first).row(r));
        });
    }
}

}  // namespace

#define PIXELWISE_TEXT(isa) #isa
#define PIXELWISE_NAME(isa) PIXELWISE_TEXT(isa)

extern const Kernels kernels;
const Kernels kernels = {PIXELWISE_NAME(PIXELWISE_ISA), &locate, &slice, &splat, &softmax, &blur, &move_add, &transform};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
