#include "permutohedral.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "key_table.hpp"
#include "lattice_fields.hpp"
#include "threads.hpp"

namespace pixelwise {
namespace {

constexpr int block = Tiles::most_pixels;

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

Lattice::Lattice(int dimensions, const float* features, const Tiles& tiles, const Kernels& kernels, int threads)
    : dimensions_(dimensions) {
    std::vector<Interval> extents;
    for (int k = 0; k < dimensions; ++k) extents.push_back(extent(features + k * tiles.pixels(), tiles.pixels(), k));
    const LatticeFields fields(dimensions, extents);
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

// Division of numbers in [0, 2^23) by a small one, without the slow instruction.
class Divisor {
  public:
    explicit Divisor(int by) : factor_((std::uint64_t{1} << 40) / static_cast<std::uint64_t>(by) + 1) {}
    std::int64_t rounded_down(std::int64_t number) const {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(number) * factor_ >> 40);
    }

  private:
    std::uint64_t factor_;
};

}  // namespace

template <int Words>
void Lattice::build(const float* features, const Tiles& tiles, const Kernels& kernels, int threads,
                    const LatticeFields& fields) {
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
    const Divisor cell(d + 1);
    const std::size_t corners_each = static_cast<std::size_t>(d) + 1;
    // The vertices of a simplex. From one to the next: one step along all axes, and back by a cell on one of them.
    const auto go_round = [&](const Key<Words>& simplex, Key<Words>* around) {
        int axis_of_rank[max_dimensions + 1];
        std::fill(axis_of_rank, axis_of_rank + d + 1, d);
        Key<Words> vertex;
        for (int i = 0; i < d; ++i) {
            const Field& to = fields.quotient[static_cast<std::size_t>(i)];
            const Field& from = fields.simplex[static_cast<std::size_t>(i)];
            const std::int64_t name = from.raw(simplex);  // its least value is a multiple of d + 1
            const std::int64_t base = cell.rounded_down(name + d);
            axis_of_rank[base * (d + 1) - name] = i;
            vertex.word[to.word] += static_cast<std::uint64_t>(base + from.least / (d + 1) - to.least) << to.shift;
        }
        for (int r = 0; r <= d; ++r) {
            around[r] = vertex;
            const int axis = axis_of_rank[d - r];
            vertex += unit_remainder;
            if (axis < d) vertex -= unit[static_cast<std::size_t>(axis)];
        }
    };
    // Tables are large and visited in no order: what is looked up is asked for some time before.
    constexpr int ahead = 16;
    std::vector<std::uint64_t> hashes(static_cast<std::size_t>(block * (d + 1) + ahead));
    std::vector<Key<Words>> fresh, around(static_cast<std::size_t>(block * (d + 1)));
    for (const Tiles::Tile& tile : list) {
        const int count = tile.pixels();
        const Key<Words>* key = keys.data() + tile.first;
        std::int32_t* id = simplex_.data() + tile.first;
        for (int i = 0; i < count; ++i) hashes[static_cast<std::size_t>(i)] = key[i].hash();
        fresh.clear();
        for (int i = 0; i < count; ++i) {
            simplices.prefetch(hashes[static_cast<std::size_t>(i + ahead)]);
            if (i > 0 && key[i] == key[i - 1]) {
                id[i] = id[i - 1];
            } else if (i >= tile.width && key[i] == key[i - tile.width]) {
                id[i] = id[i - tile.width];
            } else {
                const std::int32_t before = simplices.size();
                id[i] = simplices.number(key[i], hashes[static_cast<std::size_t>(i)]);
                if (id[i] == before) fresh.push_back(key[i]);
            }
        }
        for (std::size_t i = 0; i < fresh.size(); ++i) go_round(fresh[i], &around[i * corners_each]);
        const std::size_t wanted = fresh.size() * corners_each;
        for (std::size_t i = 0; i < wanted; ++i) hashes[i] = around[i].hash();
        for (std::size_t i = 0; i < wanted; ++i) {
            table.prefetch(hashes[i + ahead]);
            const std::int32_t before = table.size(), vertex = table.number(around[i], hashes[i]);
            if (vertex == before) vertices.push_back(around[i]);
            corners_.push_back(vertex);
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
                    key += fields.remainder.raw(key) == d ? wrap : unit_remainder;
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
    std::int32_t number[block], size[block], start[block], groups_of[block + 1], tile_index = 0;
    for (const Tiles::Tile& tile : tiles.list()) {
        const int count = tile.pixels();
        int groups = 0;
        for (int i = 0; i < count; ++i) {
            Seen& entry = seen[static_cast<std::size_t>(simplex_[static_cast<std::size_t>(tile.first + i)])];
            if (entry.tile != tile_index) {
                entry = {tile_index, groups};
                size[groups++] = 0;
            }
            number[i] = entry.number;
            ++size[entry.number];
        }
        // Groups of one size follow each other, so that the processor can foresee where each ends.
        std::fill_n(groups_of, count + 1, 0);
        for (int g = 0; g < groups; ++g) ++groups_of[size[g]];
        int first = 0;
        for (int s = 1; s <= count; ++s) first += s * std::exchange(groups_of[s], first);
        for (int g = 0; g < groups; ++g) start[g] = std::exchange(groups_of[size[g]], groups_of[size[g]] + size[g]);
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

void Lattice::space_rows(int width) {
    const std::int32_t step = width / 2;
    if (vertices_ > INT32_MAX / step) throw std::invalid_argument("the lattice would need more than 16 GB");
    for (std::int32_t& corner : corners_) corner *= step;
    for (std::vector<Link>& chain : chains_)
        for (Link& link : chain) link.row *= step;
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
