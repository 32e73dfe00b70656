// The loops of a convolution. Compiled once per instruction set, with fused multiply-adds where they exist.
#include "kernels_isa.hpp"
#include "simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

using Index = std::ptrdiff_t;
using Vector = Float<lanes>;

constexpr int side = tile_side;
constexpr int pair = 2;  // vectors side by side: a cache line with 8 lanes, so that none is written by halves
constexpr int block_rows = lanes == 16 ? 12 : 6, block_columns = pair * lanes;

// One axis of a tile: eight numbers to eight.
PIXELWISE_INLINE void forward(const Vector* d, Vector* t) {
    t[0] = d[0] - d[6] + (d[4] - d[2]) * 5.25f;
    t[7] = d[7] - d[1] + (d[3] - d[5]) * 5.25f;
    const Vector even1 = d[2] + d[6] - d[4] * 4.25f, odd1 = d[1] + d[5] - d[3] * 4.25f;
    t[1] = even1 + odd1;
    t[2] = even1 - odd1;
    const Vector even2 = d[6] + d[2] * 0.25f - d[4] * 1.25f, odd2 = d[1] * 0.5f - d[3] * 2.5f + d[5] * 2.0f;
    t[3] = even2 + odd2;
    t[4] = even2 - odd2;
    const Vector even3 = d[6] + (d[2] - d[4] * 1.25f) * 4.0f, odd3 = d[1] * 2.0f - d[3] * 2.5f + d[5] * 0.5f;
    t[5] = even3 + odd3;
    t[6] = even3 - odd3;
}

// One axis of a tile of products: eight numbers to `Results`.
template <int Results>
PIXELWISE_INLINE void backward(const Vector* p, Vector* r) {
    const Vector even1 = p[1] + p[2], odd1 = p[1] - p[2];
    const Vector even2 = p[3] + p[4], odd2 = p[3] - p[4];
    const Vector even3 = p[5] + p[6], odd3 = p[5] - p[6];
    for (int i = 0; i < Results; ++i) {
        const float two = static_cast<float>(1 << i), half = static_cast<float>(1 << (5 - i));
        r[i] = i % 2 ? odd1 + odd2 * two + odd3 * half : even1 + even2 * two + even3 * half;
        if (i == 0) r[i] = r[i] + p[0];
        if (i == Results - 1) r[i] = r[i] + p[7];
    }
}

void gather(const Pixels<const float>& tile, float* out, Index stride) {
    const Index last_row = tile.row + (side - 1) * tile.step, last_column = tile.column + (side - 1) * tile.step;
    const bool whole = tile.row >= 0 && tile.column >= 0 && last_row < tile.height && last_column < tile.width;
    for (Index c = 0; c < tile.channels; c += block_columns) {
        Vector half[side][side][pair];
        for (int i = 0; i < side; ++i) {
            const Index row = tile.row + i * tile.step;
            for (int v = 0; v < pair; ++v) {
                const Index first = (row * tile.width + tile.column) * tile.channels + c + v * lanes;
                Vector d[side], t[side];
                if (whole) {
                    for (int j = 0; j < side; ++j)
                        d[j] = load<lanes>(tile.data + first + j * tile.step * tile.channels);
                } else {
                    for (int j = 0; j < side; ++j) {
                        const Index column = tile.column + j * tile.step;
                        const bool inside = row >= 0 && row < tile.height && column >= 0 && column < tile.width;
                        d[j] = inside ? load<lanes>(tile.data + first + j * tile.step * tile.channels)
                                      : all<lanes>(0.0f);
                    }
                }
                forward(d, t);
                for (int j = 0; j < side; ++j) half[i][j][v] = t[j];
            }
        }
        for (int j = 0; j < side; ++j) {
            Vector t[pair][side];
            for (int v = 0; v < pair; ++v) {
                Vector d[side];
                for (int i = 0; i < side; ++i) d[i] = half[i][j][v];
                forward(d, t[v]);
            }
            for (int i = 0; i < side; ++i)
                for (int v = 0; v < pair; ++v) store(out + (i * side + j) * stride + c + v * lanes, t[v][i]);
        }
    }
}

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

template <int Size>
void scatter_tile(const float* products, Index stride, const ConvolutionKernels::Results& results) {
    const Pixels<float>& tile = results.tile;
    const auto fitting = [&](Index full, Index first) {
        const Index count = (full - first + tile.step - 1) / tile.step;
        return count < Size ? count : Index{Size};
    };
    const Index rows = fitting(results.full_height, tile.row), columns = fitting(results.full_width, tile.column);
    for (Index c = 0; c < tile.channels; c += lanes) {
        Vector half[side][Size], r[Size][Size];
        for (int i = 0; i < side; ++i) {
            Vector p[side];
            for (int j = 0; j < side; ++j) p[j] = load<lanes>(products + (i * side + j) * stride + c);
            backward<Size>(p, half[i]);
        }
        const Vector bias = load<lanes>(results.bias + c), zero = all<lanes>(0.0f);
        for (int j = 0; j < Size; ++j) {
            Vector p[side], column[Size];
            for (int i = 0; i < side; ++i) p[i] = half[i][j];
            backward<Size>(p, column);
            for (int i = 0; i < Size; ++i) {
                const Vector x = column[i] + bias;
                r[i][j] = results.rectified ? only(~(x < zero), x) : x;
            }
        }
        if (results.pooled) {
            for (Index i = 0; i < rows; i += 2)
                for (Index j = 0; j < columns; j += 2) {
                    const Index below = i + 1 < rows ? i + 1 : i, beside = j + 1 < columns ? j + 1 : j;
                    const Vector best = larger(larger(r[i][j], r[i][beside]), larger(r[below][j], r[below][beside]));
                    store(tile.data + ((tile.row + i) / 2 * tile.width + (tile.column + j) / 2) * tile.channels + c, best);
                }
        } else {
            for (Index i = 0; i < rows; ++i)
                for (Index j = 0; j < columns; ++j) {
                    const Index row = tile.row + i * tile.step, column = tile.column + j * tile.step;
                    store(tile.data + (row * tile.width + column) * tile.channels + c, r[i][j]);
                }
        }
    }
}

void scatter(int kernel, const float* products, Index stride, const ConvolutionKernels::Results& results) {
    switch (kernel) {
        case 3: return scatter_tile<6>(products, stride, results);
        case 4: return scatter_tile<5>(products, stride, results);
        case 5: return scatter_tile<4>(products, stride, results);
        case 6: return scatter_tile<3>(products, stride, results);
        default: return scatter_tile<2>(products, stride, results);
    }
}

}  // namespace

extern const ConvolutionKernels convolution_kernels;
const ConvolutionKernels convolution_kernels = {block_rows, block_columns, &gather, &multiply, &scatter};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
