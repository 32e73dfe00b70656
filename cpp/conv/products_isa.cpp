// The products between channels of a convolution and of its gradient. Compiled once per instruction set, with fused
// multiply-adds where they exist.
#include "conv/panel.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {

void multiply(Index count, Index depth, const float* a, Index a_stride, const float* b, float* c, Index c_stride) {
    for (Index first = 0; first < count; first += block_rows, a += block_rows * a_stride, c += block_rows * c_stride) {
        Vector total[block_rows][pair];
        for (int i = 0; i < block_rows; ++i)
            for (int v = 0; v < pair; ++v) total[i][v] = all<lanes>(0.0f);
        for (Index k = 0; k < depth; ++k) {
            const Vector left = load<lanes>(b + k * block_columns), right = load<lanes>(b + k * block_columns + lanes);
            for (int i = 0; i < block_rows; ++i) {
                const Vector x = all<lanes>(a[i * a_stride + k]);
                total[i][0] = total[i][0] + x * left;
                total[i][1] = total[i][1] + x * right;
            }
        }
        for (int i = 0; i < block_rows; ++i)
            for (int v = 0; v < pair; ++v) store(c + i * c_stride + v * lanes, total[i][v]);
    }
}

void correlate(Index count, Index depth, const float* a, Index a_panel, const float* b, float* c, Index c_stride,
               bool add) {
    for (Index first = 0; first < count; first += block_rows, c += block_rows * c_stride) {
        const int valid = count - first < block_rows ? static_cast<int>(count - first) : block_rows;
        const float* row[block_rows];
        for (int i = 0; i < block_rows; ++i) {
            const Index channel = first + (i < valid ? i : 0);
            row[i] = a + channel / block_columns * a_panel + channel % block_columns;
        }
        Vector total[block_rows][pair];
        for (int i = 0; i < block_rows; ++i)
            for (int v = 0; v < pair; ++v) total[i][v] = all<lanes>(0.0f);
        for (Index k = 0; k < depth * block_columns; k += block_columns) {
            const Vector left = load<lanes>(b + k), right = load<lanes>(b + k + lanes);
            for (int i = 0; i < block_rows; ++i) {
                const Vector x = all<lanes>(row[i][k]);
                total[i][0] = total[i][0] + x * left;
                total[i][1] = total[i][1] + x * right;
            }
        }
        for (int i = 0; i < valid; ++i)
            for (int v = 0; v < pair; ++v) {
                float* const to = c + i * c_stride + v * lanes;
                store(to, add ? load<lanes>(to) + total[i][v] : total[i][v]);
            }
    }
}

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
