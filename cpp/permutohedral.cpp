#include "permutohedral.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "key_table.hpp"
#include "threads.hpp"

namespace pixelwise {
namespace {

// Coordinates up to here keep a float error of at most 1/16 of the lattice's unit.
constexpr double largest_coordinate = 1 << 20;

constexpr int block = Tiles::most_pixels;

struct Field {
    int word = 0, shift = 0, bits = 0;
    std::int64_t least = 0;

    template <int Words>
    Key<Words> unit() const {
        Key<Words> key;
        key.word[word] = std::uint64_t{1} << shift;
        return key;
    }
    template <int Words>
    std::int64_t of(const Key<Words>& key) const {
        return static_cast<std::int64_t>(key.word[word] >> shift & ((std::uint64_t{1} << bits) - 1)) + least;
    }
};

int bits_for(std::int64_t values) {
    int bits = 1;
    while ((std::int64_t{1} << bits) < values) ++bits;
    return bits;
}

// Lays fields into 64-bit words one after the other, none across two words.
class Packing {
  public:
    Field add(std::int64_t least, std::int64_t most) {
        const int bits = bits_for(most - least + 1);
        if (used_ + bits > 64) {
            ++words_;
            used_ = 0;
        }
        const Field field{words_ - 1, used_, bits, least};
        used_ += bits;
        return field;
    }
    int words() const { return words_; }

  private:
    int words_ = 1, used_ = 0;
};

struct Interval {
    double low = 0, high = 0;
};

// Of one feature over all pixels. The product with 0 is NaN for what is not finite.
Interval extent(const float* values, std::ptrdiff_t count, int feature) {
    float low = values[0], high = values[0], spoilt = 0.0f;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        low = std::min(low, values[i]);
        high = std::max(high, values[i]);
        spoilt += values[i] * 0.0f;
    }
    if (!(spoilt == 0.0f))
        throw std::invalid_argument("feature " + std::to_string(feature) + " is not finite everywhere; is its width (theta) too small?");
    return {low, high};
}

// The diagonal of the elevation matrix; in float where densecrf has floats.
std::vector<float> elevation_scale(int d) {
    const float deviation = static_cast<float>(std::sqrt(2.0 / 3.0) * (d + 1));
    std::vector<float> scale(static_cast<std::size_t>(d));
    for (int i = 0; i < d; ++i)
        scale[static_cast<std::size_t>(i)] = static_cast<float>(1.0 / std::sqrt((i + 2.0) * (i + 1.0)) * deviation);
    return scale;
}

}  // namespace

Tiles::Tiles(const Shape& shape) : shape_(shape) {
    const std::ptrdiff_t height = std::min<std::ptrdiff_t>(shape.height, 32), width = most_pixels / height;
    std::ptrdiff_t first = 0;
    for (std::ptrdiff_t plane = 0; plane < shape.depth; ++plane)
        for (std::ptrdiff_t top = 0; top < shape.height; top += height)
            for (std::ptrdiff_t left = 0; left < shape.width; left += width) {
                const Tile tile{first, plane, top, left, static_cast<int>(std::min(height, shape.height - top)),
                                static_cast<int>(std::min(width, shape.width - left))};
                list_.push_back(tile);
                first += tile.pixels();
            }
}

// How the keys of simplices and vertices are packed. A simplex is named by the first d coordinates of its base point
// less the ranks of the axes. A vertex is named by its remainder r (its coordinates are all congruent to r modulo
// d + 1) and by its first d coordinates divided by d + 1, rounded down.
struct Lattice::Fields {
    std::vector<Field> simplex, quotient;
    Field remainder;
    int words;

    Fields(int d, const std::vector<Interval>& extents) {
        const std::vector<float> scale = elevation_scale(d);
        Packing simplices, vertices;
        remainder = vertices.add(0, d);
        Interval partial;
        std::vector<Interval> elevated(static_cast<std::size_t>(d) + 1);
        for (int j = d; j >= 0; --j) {
            Interval& here = elevated[static_cast<std::size_t>(j)];
            here = partial;
            if (j == 0) break;
            const double s = scale[static_cast<std::size_t>(j) - 1];
            const Interval& extent = extents[static_cast<std::size_t>(j) - 1];
            const Interval scaled{extent.low * s, extent.high * s};
            here.low -= j * scaled.high;
            here.high -= j * scaled.low;
            partial.low += scaled.low;
            partial.high += scaled.high;
        }
        for (int j = 0; j < d; ++j) {
            const Interval& here = elevated[static_cast<std::size_t>(j)];
            if (!(std::max(-here.low, here.high) < largest_coordinate)) refuse(extents);
            // The base point lies within 3/2 of a cell, the rank is at most d, and floats err by little.
            const std::int64_t cell = d + 1, low = static_cast<std::int64_t>(std::floor(here.low)) - 3 * cell - 2,
                               high = static_cast<std::int64_t>(std::ceil(here.high)) + 3 * cell + 2;
            simplex.push_back(simplices.add(low, high));
            quotient.push_back(vertices.add(low / cell - 3, high / cell + 3));
        }
        words = std::max(simplices.words(), vertices.words());
    }

    [[noreturn]] static void refuse(const std::vector<Interval>& extents) {
        std::size_t widest = 0;
        const auto reach = [&](std::size_t k) { return std::max(-extents[k].low, extents[k].high); };
        for (std::size_t k = 0; k < extents.size(); ++k)
            if (reach(k) > reach(widest)) widest = k;
        throw std::invalid_argument("feature " + std::to_string(widest) + " reaches " + std::to_string(std::lround(reach(widest))) +
                                    " standard deviations from 0, further than a lattice of floats can resolve; widths (theta) "
                                    "so small make every pixel its own only neighbour: raise them");
    }
};

Lattice::Lattice(int dimensions, const float* features, const Tiles& tiles, const Kernels& kernels, int threads)
    : dimensions_(dimensions) {
    std::vector<Interval> extents;
    for (int k = 0; k < dimensions; ++k) extents.push_back(extent(features + k * tiles.pixels(), tiles.pixels(), k));
    const Fields fields(dimensions, extents);
    if (fields.words == 1)
        build<1>(features, tiles, kernels, threads, fields);
    else if (fields.words == 2)
        build<2>(features, tiles, kernels, threads, fields);
    else
        build<8>(features, tiles, kernels, threads, fields);
}

namespace {

// The names of the simplices of a block of points, from what locate() found.
template <int Words>
void pack(const std::vector<Field>& fields, const std::int32_t* coordinates, int count, Key<Words>* keys) {
    std::fill(keys, keys + count, Key<Words>{});
    for (std::size_t k = 0; k < fields.size(); ++k) {
        const Field field = fields[k];
        const std::int32_t* coordinate = coordinates + k * block;
        for (int i = 0; i < count; ++i)
            keys[i].word[field.word] += static_cast<std::uint64_t>(coordinate[i] - field.least) << field.shift;
    }
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

}  // namespace

template <int Words>
void Lattice::build(const float* features, const Tiles& tiles, const Kernels& kernels, int threads,
                    const Fields& fields) {
    const int d = dimensions_;
    const std::ptrdiff_t pixels = tiles.pixels();
    const auto& list = tiles.list();
    simplex_.resize(static_cast<std::size_t>(pixels));
    weight_.resize(static_cast<std::size_t>(pixels) * static_cast<std::size_t>(corners()));
    Buffer<Key<Words>> keys(static_cast<std::size_t>(pixels));

    // Where each pixel lies. Weights are kept tile by tile as (corners, pixels of the tile) until arrange().
    const std::vector<float> scale = elevation_scale(d);
    run_team(threads, [&](Member& member) {
        std::vector<float> points(static_cast<std::size_t>(d) * block), weight(static_cast<std::size_t>(d + 1) * block);
        std::vector<std::int32_t> found(static_cast<std::size_t>(d) * block);
        const auto range = member.share(static_cast<std::ptrdiff_t>(list.size()));
        for (std::ptrdiff_t t = range.begin; t < range.end; ++t) {
            const Tiles::Tile& tile = list[static_cast<std::size_t>(t)];
            const int count = tile.pixels();
            for (int k = 0; k < d; ++k)
                tiles.for_rows(tile, [&](std::ptrdiff_t pixel, int at, int width) {
                    std::memcpy(&points[static_cast<std::size_t>(k * block + at)], features + k * pixels + pixel,
                                static_cast<std::size_t>(width) * sizeof(float));
                });
            kernels.locate({d, points.data(), scale.data(), count, block}, found.data(), weight.data());
            pack(fields.simplex, found.data(), count, keys.data() + tile.first);
            for (int k = 0; k <= d; ++k)
                std::copy_n(&weight[static_cast<std::size_t>(k * block)], count,
                            weight_.data() + tile.first * corners() + k * count);
        }
    });

    // Number the simplices, and for each new one its vertices.
    KeyTable<Words> simplices, table;
    std::vector<Key<Words>> vertices;
    std::vector<Key<Words>> unit;
    for (const Field& field : fields.quotient) unit.push_back(field.template unit<Words>());
    const Key<Words> unit_remainder = fields.remainder.template unit<Words>();
    const auto add_simplex = [&](const Key<Words>& simplex) {
        int axis_of_rank[max_dimensions + 1];
        std::fill(axis_of_rank, axis_of_rank + d + 1, d);
        Key<Words> vertex;
        for (int i = 0; i < d; ++i) {
            const Field& to = fields.quotient[static_cast<std::size_t>(i)];
            const std::int64_t name = fields.simplex[static_cast<std::size_t>(i)].of(simplex);
            const std::int64_t base = -floor_divide(-name, d + 1);  // the quotient of the base point
            axis_of_rank[base * (d + 1) - name] = i;
            vertex.word[to.word] += static_cast<std::uint64_t>(base - to.least) << to.shift;
        }
        // From one vertex of a simplex to the next: one step along all axes, and back by a cell on one of them.
        Key<Words> around[max_dimensions + 1];
        std::uint64_t hash[max_dimensions + 1];
        for (int r = 0; r <= d; ++r) {
            around[r] = vertex;
            hash[r] = vertex.hash();
            table.prefetch(hash[r]);
            const int axis = axis_of_rank[d - r];
            vertex += unit_remainder;
            if (axis < d) vertex -= unit[static_cast<std::size_t>(axis)];
        }
        for (int r = 0; r <= d; ++r) {
            const std::int32_t before = table.size(), id = table.number(around[r], hash[r]);
            if (id == before) vertices.push_back(around[r]);
            corners_.push_back(id);
        }
    };
    constexpr int ahead = 16;
    std::uint64_t hashes[block + ahead] = {};
    for (const Tiles::Tile& tile : list) {
        const int count = tile.pixels();
        const Key<Words>* key = keys.data() + tile.first;
        for (int i = 0; i < count; ++i) hashes[i] = key[i].hash();
        for (int i = 0; i < count; ++i) {
            simplices.prefetch(hashes[i + ahead]);
            std::int32_t id;
            if (i > 0 && key[i] == key[i - 1]) {
                id = simplex_[static_cast<std::size_t>(tile.first + i - 1)];
            } else {
                const std::int32_t before = simplices.size();
                id = simplices.number(key[i], hashes[i]);
                if (id == before) add_simplex(key[i]);
            }
            simplex_[static_cast<std::size_t>(tile.first + i)] = id;
        }
    }
    vertices_ = table.size();

    // Along direction j, the next vertex is one step further on all axes but j, and d steps back on that one.
    chains_.resize(static_cast<std::size_t>(d) + 1);
    Key<Words> wrap;  // from remainder d to 0, every quotient rises
    for (const Key<Words>& step : unit) wrap += step;
    for (int r = 0; r < d; ++r) wrap -= unit_remainder;
    run_team(std::min(threads, d + 1), [&](Member& member) {
        std::vector<std::int32_t> next(static_cast<std::size_t>(vertices_));
        std::vector<std::uint8_t> headed(static_cast<std::size_t>(vertices_));
        for (int j = member.index; j <= d; j += member.size) {
            std::fill(headed.begin(), headed.end(), std::uint8_t{0});
            constexpr int batch = 32;
            Key<Words> wanted[batch];
            std::uint64_t hash[batch];
            for (std::size_t begin = 0; begin < vertices.size(); begin += batch) {
                const std::size_t count = std::min<std::size_t>(batch, vertices.size() - begin);
                for (std::size_t i = 0; i < count; ++i) {
                    Key<Words> key = vertices[begin + i];
                    key += fields.remainder.of(key) == d ? wrap : unit_remainder;
                    if (j < d) key -= unit[static_cast<std::size_t>(j)];
                    wanted[i] = key;
                    hash[i] = key.hash();
                    table.prefetch(hash[i]);
                }
                for (std::size_t i = 0; i < count; ++i) {
                    const std::int32_t id = table.find(wanted[i], hash[i]);
                    next[begin + i] = id;
                    if (id >= 0) headed[static_cast<std::size_t>(id)] = 1;
                }
            }
            std::vector<Link>& chain = chains_[static_cast<std::size_t>(j)];
            for (std::size_t v = 0; v < next.size(); ++v) {
                if (headed[v] || next[v] < 0) continue;
                for (std::int32_t at = static_cast<std::int32_t>(v); at >= 0; at = next[static_cast<std::size_t>(at)])
                    chain.push_back({at, next[static_cast<std::size_t>(at)] < 0 ? 0.0f : 0.5f});
            }
        }
    });
}

std::vector<std::int32_t> Lattice::grouped(const Tiles& tiles) const {
    std::vector<std::int32_t> order(static_cast<std::size_t>(tiles.pixels()));
    // Per simplex, the last tile that met it and its number there; numbers are given in the order of appearance.
    struct Seen {
        std::int32_t tile = -1, number = 0;
    };
    std::vector<Seen> seen(static_cast<std::size_t>(simplices()));
    std::int32_t number[block], start[block + 1], tile_index = 0;
    for (const Tiles::Tile& tile : tiles.list()) {
        const int count = tile.pixels();
        int groups = 0;
        for (int i = 0; i < count; ++i) {
            Seen& entry = seen[static_cast<std::size_t>(simplex_[static_cast<std::size_t>(tile.first + i)])];
            if (entry.tile != tile_index) {
                entry = {tile_index, groups};
                start[++groups] = 0;
            }
            number[i] = entry.number;
            ++start[entry.number + 1];
        }
        start[0] = 0;
        for (int g = 0; g < groups; ++g) start[g + 1] += start[g];
        for (int i = 0; i < count; ++i)
            order[static_cast<std::size_t>(tile.first + start[number[i]]++)] = static_cast<std::int32_t>(tile.first) + i;
        ++tile_index;
    }
    return order;
}

void Lattice::arrange(const std::vector<std::int32_t>& order, const Tiles& tiles) {
    const int n = corners();
    std::vector<float> weight(static_cast<std::size_t>(n) * block);
    std::vector<std::int32_t> simplex(block);
    for (const Tiles::Tile& tile : tiles.list()) {
        const int count = tile.pixels();
        float* to = weight_.data() + tile.first * n;
        std::int32_t* ids = simplex_.data() + tile.first;
        std::copy_n(to, static_cast<std::size_t>(count) * static_cast<std::size_t>(n), weight.begin());
        std::copy_n(ids, count, simplex.begin());
        for (int i = 0; i < count; ++i) {
            const std::size_t from = static_cast<std::size_t>(order[static_cast<std::size_t>(tile.first + i)] - tile.first);
            ids[i] = simplex[from];
            for (int k = 0; k < n; ++k) to[i * n + k] = weight[from + static_cast<std::size_t>(k * count)];
        }
    }
}

float Lattice::gain() const { return 1.0f / (1.0f + std::pow(2.0f, static_cast<float>(-dimensions_))); }

void Lattice::filter_ones(float* out) const {
    const int n = corners();
    const std::size_t pixels = simplex_.size();
    std::vector<float> value(static_cast<std::size_t>(vertices_), 0.0f);
    for (std::size_t i = 0; i < pixels; ++i) {
        const std::int32_t* at = corners_.data() + static_cast<std::ptrdiff_t>(simplex_[i]) * n;
        for (int k = 0; k < n; ++k) value[static_cast<std::size_t>(at[k])] += weight_[i * static_cast<std::size_t>(n) + static_cast<std::size_t>(k)];
    }
    for (const std::vector<Link>& chain : chains_) {
        float before = 0.0f;
        for (std::size_t k = 0; k < chain.size(); ++k) {
            float& here = value[static_cast<std::size_t>(chain[k].row)];
            const float next = k + 1 < chain.size() ? value[static_cast<std::size_t>(chain[k + 1].row)] : 0.0f;
            const float old = here;
            here = old + before + chain[k].half * next;
            before = chain[k].half * old;
        }
    }
    for (std::size_t i = 0; i < pixels; ++i) {
        const std::int32_t* at = corners_.data() + static_cast<std::ptrdiff_t>(simplex_[i]) * n;
        float total = 0.0f;
        for (int k = 0; k < n; ++k) total += weight_[i * static_cast<std::size_t>(n) + static_cast<std::size_t>(k)] * value[static_cast<std::size_t>(at[k])];
        out[i] = total;
    }
}

}  // namespace pixelwise
