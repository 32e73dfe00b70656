// The loops of a convolution. Compiled once per instruction set, with fused multiply-adds where they exist.
#include "kernels_isa.hpp"
#include "simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

using Index = std::ptrdiff_t;
using Vector = Float<lanes>;

constexpr int pair = 2;  // vectors side by side: a cache line with 8 lanes, so that none is written by halves
constexpr int block_rows = lanes == 16 ? 12 : 6, block_columns = pair * lanes;

// The three maps along one axis of a tile, `Side` numbers each: of the image, of the products, of the kernel's taps.
template <int Side>
struct Axis;

template <>
struct Axis<8> {
    static constexpr double points[] = {0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5};
    static constexpr double scales[] = {1.0, -2.0 / 9, -2.0 / 9, 1.0 / 90, 1.0 / 90, 1.0 / 45, 1.0 / 45};

    static PIXELWISE_INLINE void forward(const Vector* d, Vector* t) {
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

    template <int Results>
    static PIXELWISE_INLINE void backward(const Vector* p, Vector* r) {
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

    // `backward` transposed: `Results` numbers to eight.
    template <int Results>
    static PIXELWISE_INLINE void spread(const Vector* r, Vector* p) {
        Vector one[2], two[2], half[2];
        for (int i = 0; i < Results; ++i) {
            const float up = static_cast<float>(1 << i), down = static_cast<float>(1 << (5 - i));
            one[i % 2] = i < 2 ? r[i] : one[i % 2] + r[i];
            two[i % 2] = i < 2 ? r[i] * up : two[i % 2] + r[i] * up;
            half[i % 2] = i < 2 ? r[i] * down : half[i % 2] + r[i] * down;
        }
        p[0] = r[0];
        p[1] = one[0] + one[1];
        p[2] = one[0] - one[1];
        p[3] = two[0] + two[1];
        p[4] = two[0] - two[1];
        p[5] = half[0] + half[1];
        p[6] = half[0] - half[1];
        p[7] = r[Results - 1];
    }
};

template <>
struct Axis<6> {
    static constexpr double points[] = {0.0, 1.0, -1.0, 2.0, -2.0};
    static constexpr double scales[] = {1.0 / 4, -1.0 / 6, -1.0 / 6, 1.0 / 24, 1.0 / 24};

    static PIXELWISE_INLINE void forward(const Vector* d, Vector* t) {
        t[0] = d[0] * 4.0f - d[2] * 5.0f + d[4];
        t[5] = d[1] * 4.0f - d[3] * 5.0f + d[5];
        const Vector even1 = d[4] - d[2] * 4.0f, odd1 = d[3] - d[1] * 4.0f;
        t[1] = even1 + odd1;
        t[2] = even1 - odd1;
        const Vector even2 = d[4] - d[2], odd2 = (d[3] - d[1]) * 2.0f;
        t[3] = even2 + odd2;
        t[4] = even2 - odd2;
    }

    template <int Results>
    static PIXELWISE_INLINE void backward(const Vector* p, Vector* r) {
        const Vector even1 = p[1] + p[2], odd1 = p[1] - p[2];
        const Vector even2 = p[3] + p[4], odd2 = p[3] - p[4];
        r[0] = p[0] + even1 + even2;
        r[1] = odd1 + odd2 * 2.0f;
        r[2] = even1 + even2 * 4.0f;
        r[3] = odd1 + odd2 * 8.0f + p[5];
    }

    template <int Results>
    static PIXELWISE_INLINE void spread(const Vector* r, Vector* p) {
        const Vector even1 = r[0] + r[2], odd1 = r[1] + r[3];
        const Vector even2 = r[0] + r[2] * 4.0f, odd2 = r[1] * 2.0f + r[3] * 8.0f;
        p[0] = r[0];
        p[1] = even1 + odd1;
        p[2] = even1 - odd1;
        p[3] = even2 + odd2;
        p[4] = even2 - odd2;
        p[5] = r[3];
    }
};

// What the kernel's taps become along one axis.
template <int Side, int Taps>
struct Factors {
    float at[Side][Taps] = {};
    constexpr Factors() {
        for (int i = 0; i < Side - 1; ++i) {
            double power = Axis<Side>::scales[i];
            for (int k = 0; k < Taps; ++k) {
                at[i][k] = static_cast<float>(power);
                power *= Axis<Side>::points[i];
            }
        }
        at[Side - 1][Taps - 1] = 1.0f;
    }
};

template <int Side, int Taps>
struct Sizes {
    static constexpr int side = Side, taps = Taps, results = Side + 1 - Taps;
};

// Calls `work` with the sizes as a type.
template <class Work>
PIXELWISE_INLINE void with_sizes(int side, int kernel, const Work& work) {
    if (side == 6) return work(Sizes<6, 3>());
    switch (kernel) {
        case 3: return work(Sizes<8, 3>());
        case 4: return work(Sizes<8, 4>());
        case 5: return work(Sizes<8, 5>());
        case 6: return work(Sizes<8, 6>());
        default: return work(Sizes<8, 7>());
    }
}

template <int Taps, int Side>
void weigh_taps(const float* taps, float* out, Index stride) {
    constexpr Factors<Side, Taps> factors;
    for (Index c = 0; c < block_columns; c += lanes) {
        Vector half[Side][Taps];
        for (int x = 0; x < Taps; ++x) {
            Vector d[Taps];
            for (int y = 0; y < Taps; ++y) d[y] = load<lanes>(taps + (y * Taps + x) * block_columns + c);
            for (int i = 0; i < Side; ++i) {
                half[i][x] = d[0] * factors.at[i][0];
                for (int y = 1; y < Taps; ++y) half[i][x] = half[i][x] + d[y] * factors.at[i][y];
            }
        }
        for (int i = 0; i < Side; ++i)
            for (int j = 0; j < Side; ++j) {
                Vector total = half[i][0] * factors.at[j][0];
                for (int x = 1; x < Taps; ++x) total = total + half[i][x] * factors.at[j][x];
                store(out + (i * Side + j) * stride + c, total);
            }
    }
}

void weigh(int side, int kernel, const float* taps, float* out, Index stride) {
    with_sizes(side, kernel, [&](auto sizes) { weigh_taps<sizes.taps, sizes.side>(taps, out, stride); });
}

template <int Taps, int Side>
void unweigh_taps(const float* products, Index stride, float* taps) {
    constexpr Factors<Side, Taps> factors;
    for (Index c = 0; c < block_columns; c += lanes) {
        Vector half[Taps][Side];
        for (int j = 0; j < Side; ++j) {
            Vector p[Side];
            for (int i = 0; i < Side; ++i) p[i] = load<lanes>(products + (i * Side + j) * stride + c);
            for (int y = 0; y < Taps; ++y) {
                half[y][j] = p[0] * factors.at[0][y];
                for (int i = 1; i < Side; ++i) half[y][j] = half[y][j] + p[i] * factors.at[i][y];
            }
        }
        for (int y = 0; y < Taps; ++y)
            for (int x = 0; x < Taps; ++x) {
                Vector total = half[y][0] * factors.at[0][x];
                for (int j = 1; j < Side; ++j) total = total + half[y][j] * factors.at[j][x];
                store(taps + (y * Taps + x) * block_columns + c, total);
            }
    }
}

void unweigh(int side, int kernel, const float* products, Index stride, float* taps) {
    with_sizes(side, kernel, [&](auto sizes) { unweigh_taps<sizes.taps, sizes.side>(products, stride, taps); });
}

// The `Count` x `Count` numbers of a tile from its first on, zeros outside the image.
template <int Count, class Row>
PIXELWISE_INLINE void each_row(const Pixels<const float>& tile, Index channel, const Row& row_of) {
    const Index last_row = tile.row + (Count - 1) * tile.step, last_column = tile.column + (Count - 1) * tile.step;
    const bool whole = tile.row >= 0 && tile.column >= 0 && last_row < tile.height && last_column < tile.width;
    for (int i = 0; i < Count; ++i) {
        const Index row = tile.row + i * tile.step;
        for (int v = 0; v < pair; ++v) {
            const Index first = (row * tile.width + tile.column) * tile.channels + channel + v * lanes;
            Vector d[Count];
            if (whole) {
                for (int j = 0; j < Count; ++j) d[j] = load<lanes>(tile.data + first + j * tile.step * tile.channels);
            } else {
                for (int j = 0; j < Count; ++j) {
                    const Index column = tile.column + j * tile.step;
                    const bool inside = row >= 0 && row < tile.height && column >= 0 && column < tile.width;
                    d[j] = inside ? load<lanes>(tile.data + first + j * tile.step * tile.channels) : all<lanes>(0.0f);
                }
            }
            row_of(i, v, d);
        }
    }
}

template <int Side>
void gather_tile(const Pixels<const float>& tile, float* out, Index stride, Index panel) {
    for (Index c = 0; c < tile.channels; c += block_columns, out += panel) {
        Vector half[Side][Side][pair];
        each_row<Side>(tile, c, [&](int i, int v, const Vector* d) {
            Vector t[Side];
            Axis<Side>::forward(d, t);
            for (int j = 0; j < Side; ++j) half[i][j][v] = t[j];
        });
        for (int j = 0; j < Side; ++j) {
            Vector t[pair][Side];
            for (int v = 0; v < pair; ++v) {
                Vector d[Side];
                for (int i = 0; i < Side; ++i) d[i] = half[i][j][v];
                Axis<Side>::forward(d, t[v]);
            }
            for (int i = 0; i < Side; ++i)
                for (int v = 0; v < pair; ++v) store(out + (i * Side + j) * stride + v * lanes, t[v][i]);
        }
    }
}

void gather(int side, const Pixels<const float>& tile, float* out, Index stride, Index panel) {
    side == 6 ? gather_tile<6>(tile, out, stride, panel) : gather_tile<8>(tile, out, stride, panel);
}

template <int Side, int Size>
void spread_tile(const Pixels<const float>& tile, float* out, Index stride, Index panel) {
    for (Index c = 0; c < tile.channels; c += block_columns, out += panel) {
        Vector half[Size][Side][pair];
        each_row<Size>(tile, c, [&](int i, int v, const Vector* r) {
            Vector p[Side];
            Axis<Side>::template spread<Size>(r, p);
            for (int j = 0; j < Side; ++j) half[i][j][v] = p[j];
        });
        for (int j = 0; j < Side; ++j) {
            Vector p[pair][Side];
            for (int v = 0; v < pair; ++v) {
                Vector r[Size];
                for (int i = 0; i < Size; ++i) r[i] = half[i][j][v];
                Axis<Side>::template spread<Size>(r, p[v]);
            }
            for (int i = 0; i < Side; ++i)
                for (int v = 0; v < pair; ++v) store(out + (i * Side + j) * stride + v * lanes, p[v][i]);
        }
    }
}

void spread(int side, int kernel, const Pixels<const float>& tile, float* out, Index stride, Index panel) {
    with_sizes(side, kernel,
               [&](auto sizes) { spread_tile<sizes.side, sizes.results>(tile, out, stride, panel); });
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

template <int Side, int Size>
void scatter_tile(const float* products, Index stride, const ConvolutionKernels::Results& results) {
    const Pixels<float>& tile = results.tile;
    const auto fitting = [&](Index full, Index first) {
        const Index count = (full - first + tile.step - 1) / tile.step;
        return count < Size ? count : Index{Size};
    };
    const Index rows = fitting(results.full_height, tile.row), columns = fitting(results.full_width, tile.column);
    for (Index c = 0; c < tile.channels; c += lanes) {
        Vector half[Side][Size], r[Size][Size];
        for (int i = 0; i < Side; ++i) {
            Vector p[Side];
            for (int j = 0; j < Side; ++j) p[j] = load<lanes>(products + (i * Side + j) * stride + c);
            Axis<Side>::template backward<Size>(p, half[i]);
        }
        const Vector bias = load<lanes>(results.bias + c), zero = all<lanes>(0.0f);
        for (int j = 0; j < Size; ++j) {
            Vector p[Side], column[Size];
            for (int i = 0; i < Side; ++i) p[i] = half[i][j];
            Axis<Side>::template backward<Size>(p, column);
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

void scatter(int side, int kernel, const float* products, Index stride, const ConvolutionKernels::Results& results) {
    with_sizes(side, kernel,
               [&](auto sizes) { scatter_tile<sizes.side, sizes.results>(products, stride, results); });
}

}  // namespace

extern const ConvolutionKernels convolution_kernels;
const ConvolutionKernels convolution_kernels = {block_rows, block_columns, &weigh,    &gather, &multiply,
                                                      &scatter,   &spread,       &correlate, &unweigh};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
