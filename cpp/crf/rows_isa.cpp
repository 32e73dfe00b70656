// The loops of a mean-field iteration over the rows of vertices, and between planes and rows. Compiled once per
// instruction set, with fused multiply-adds where they exist.
#include "crf/blocks.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {

void blur(const Link* links, Index count, const Rows& rows) {
    if (count == 0) return;
    for_blocks<four_vectors>(rows.width, [&](auto block, int first) {
        using B = decltype(block);
        float* const values = rows.values + first;
        B current = B::read(row_at(values, links[0].row)), before = B::zero();  // before: half of the old value
        constexpr int ahead = 12;
        for (Index n = 0; n < count; ++n) {
            const float half = links[n].half;
            if (n + ahead < count) {
                PIXELWISE_PREFETCH(row_at(values, links[n + ahead].row));
                PIXELWISE_PREFETCH(row_at(values, links[n + ahead].row) + 16);
            }
            const B next = B::read(row_at(values, links[n + 1 < count ? n + 1 : n].row));
            B blurred = current;
            blurred.change([half](auto here, auto left, auto right) { return (here + left) + half * right; }, before,
                           next);
            blurred.write(row_at(values, links[n].row));
            before = current;
            before.change([half](auto x) { return half * x; });
            current = next;
        }
    });
}

void largest(const float* rows, Index count, int width, float* most) {
    for_blocks<four_vectors>(width, [&](auto block, int first) {
        using B = decltype(block);
        B best = B::read(most + first);
        for (Index i = 0; i < count; ++i)
            best.change([](auto mine, auto its) { return larger(mine, its); }, B::read(rows + i * width + first));
        best.write(most + first);
    });
}

void scale(float* rows, int count, int width, const float* factors) {
    for_blocks<four_vectors>(width, [&](auto block, int first) {
        using B = decltype(block);
        for (int i = 0; i < count; ++i) {
            float* const row = rows + Index{i} * width + first;
            const float factor = factors[i];
            B scaled = B::read(row);
            scaled.change([factor](auto x) { return x * factor; });
            scaled.write(row);
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

void transpose(const float* from, Index from_step, int rows, int columns, float* to, Index to_step) {
    for (int row = 0; row < rows; row += 4)
        for (int column = 0; column < columns; column += 4) {
            const float* const at = from + row * from_step + column;
            Float<4> a = load<4>(at), b = load<4>(at + from_step);
            Float<4> c = load<4>(at + 2 * from_step), d = load<4>(at + 3 * from_step);
            transpose_4(a, b, c, d);
            float* const out = to + column * to_step + row;
            store(out, a);
            store(out + to_step, b);
            store(out + 2 * to_step, c);
            store(out + 3 * to_step, d);
        }
}

void pick(const float* from, const std::int32_t* order, std::int32_t first, int count, int width, float* to) {
    for_blocks<four_vectors>(width, [&](auto block, int column) {
        using B = decltype(block);
        for (int i = 0; i < count; ++i)
            B::read(from + Index{order[i] - first} * width + column).write(to + Index{i} * width + column);
    });
}

void place(const float* from, const std::int32_t* order, std::int32_t first, int count, int width, float* to) {
    for_blocks<four_vectors>(width, [&](auto block, int column) {
        using B = decltype(block);
        for (int i = 0; i < count; ++i)
            B::read(from + Index{i} * width + column).write(to + Index{order[i] - first} * width + column);
    });
}

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
