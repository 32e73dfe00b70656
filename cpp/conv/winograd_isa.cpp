// The transforms of filters and tiles to products and back, along both axes. Compiled once per instruction set, with fused
// multiply-adds where they exist.
#include "conv/winograd_axis.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

template <int Side, int Taps>
struct Sizes {
    static constexpr int side = Side, taps = Taps, results = Side + 1 - Taps;
};

// Calls `work` with the sizes as a type.
template <class Work>
PIXELWISE_INLINE void with_sizes(int side, int filter_size, const Work& work) {
    if (side == 6) return work(Sizes<6, 3>());
    switch (filter_size) {
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

void weigh(int side, int filter_size, const float* taps, float* out, Index stride) {
    with_sizes(side, filter_size, [&](auto sizes) { weigh_taps<sizes.taps, sizes.side>(taps, out, stride); });
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

void unweigh(int side, int filter_size, const float* products, Index stride, float* taps) {
    with_sizes(side, filter_size, [&](auto sizes) { unweigh_taps<sizes.taps, sizes.side>(products, stride, taps); });
}

// The `Count` x `Count` numbers of a tile, starting at its first, with zeros outside the image.
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
struct Forward {
    static constexpr int side = Side, from = Side;
    static PIXELWISE_INLINE void apply(const Vector* d, Vector* t) { Axis<Side>::forward(d, t); }
};

template <int Side, int Results>
struct Spread {
    static constexpr int side = Side, from = Results;
    static PIXELWISE_INLINE void apply(const Vector* r, Vector* p) { Axis<Side>::template spread<Results>(r, p); }
};

// `from` x `from` numbers become `side` x `side` by the map along rows, then along columns.
template <class Map>
void map_tile(const Pixels<const float>& tile, float* out, Index stride, Index panel) {
    constexpr int side = Map::side, from = Map::from;
    for (Index c = 0; c < tile.channels; c += block_columns, out += panel) {
        Vector half[from][side][pair];
        each_row<from>(tile, c, [&](int i, int v, const Vector* d) {
            Vector t[side];
            Map::apply(d, t);
            for (int j = 0; j < side; ++j) half[i][j][v] = t[j];
        });
        for (int j = 0; j < side; ++j) {
            Vector t[pair][side];
            for (int v = 0; v < pair; ++v) {
                Vector d[from];
                for (int i = 0; i < from; ++i) d[i] = half[i][j][v];
                Map::apply(d, t[v]);
            }
            for (int i = 0; i < side; ++i)
                for (int v = 0; v < pair; ++v) store(out + (i * side + j) * stride + v * lanes, t[v][i]);
        }
    }
}

void gather(int side, const Pixels<const float>& tile, float* out, Index stride, Index panel) {
    side == 6 ? map_tile<Forward<6>>(tile, out, stride, panel) : map_tile<Forward<8>>(tile, out, stride, panel);
}

void spread(int side, int filter_size, const Pixels<const float>& tile, float* out, Index stride, Index panel) {
    with_sizes(side, filter_size, [&](auto sizes) {
        map_tile<Spread<sizes.side, sizes.results>>(tile, out, stride, panel);
    });
}

template <int Side, int Size>
void scatter_tile(const float* products, Index stride, const ConvolutionRoutines::Results& results) {
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

void scatter(int side, int filter_size, const float* products, Index stride, const ConvolutionRoutines::Results& results) {
    with_sizes(side, filter_size,
               [&](auto sizes) { scatter_tile<sizes.side, sizes.results>(products, stride, results); });
}

}  // namespace

extern const ConvolutionRoutines convolution_routines;
const ConvolutionRoutines convolution_routines = {
    .rows = block_rows,
    .columns = block_columns,
    .weigh = &weigh,
    .gather = &gather,
    .multiply = &multiply,
    .scatter = &scatter,
    .spread = &spread,
    .correlate = &correlate,
    .unweigh = &unweigh,
};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
