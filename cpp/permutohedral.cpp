#include "permutohedral.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

#include "key_table.hpp"
#include "lattice_fields.hpp"
#include "simplex_numbers.hpp"
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

}  // namespace

template <int Words>
void Lattice::build(const float* features, const Tiles& tiles, const Kernels& kernels, int threads,
                    const LatticeFields& fields) {
    const int d = dimensions_;
    const std::ptrdiff_t pixels = tiles.pixels();
    const auto& list = tiles.list();
    simplex_.resize(static_cast<std::size_t>(pixels));
    weight_.resize(static_cast<std::size_t>(pixels) * static_cast<std::size_t>(corners()));

    // Where each pixel lies, and the number of its simplex: each thread for its share of tiles, with numbers of its own.
    // Weights are kept tile by tile as (corners, pixels of the tile) until arrange().
    const std::vector<float> scale = elevation_scale(d);
    std::vector<std::unique_ptr<SimplexNumbers<Words>>> parts(static_cast<std::size_t>(threads));
    run_team(threads, [&](Member& member) {
        auto& part = parts[static_cast<std::size_t>(member.index)];
        part = std::make_unique<SimplexNumbers<Words>>(fields, d);
        std::vector<float> points(static_cast<std::size_t>(d) * block), weight(static_cast<std::size_t>(d + 1) * block);
        std::vector<std::int32_t> found(static_cast<std::size_t>(d) * block);
        std::vector<Key<Words>> keys(block);
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
            for (int k = 0; k <= d; ++k)
                std::copy_n(&weight[static_cast<std::size_t>(k * block)], count,
                            weight_.data() + tile.first * corners() + k * count);
            pack(fields.simplex, found.data(), count, keys.data());
            part->number(tile, keys.data(), simplex_.data() + tile.first);
        }
    });

    // The first part's numbers of vertices become everybody's; simplices that two parts met stay twice.
    std::vector<std::vector<std::int32_t>> called(parts.size());
    std::vector<std::size_t> first(parts.size() + 1, 0);
    for (std::size_t p = 0; p < parts.size(); ++p) {
        if (p > 0) called[p] = parts[0]->adopt(*parts[p]);
        first[p + 1] = first[p] + parts[p]->corners().size();
    }
    corners_.resize(first.back());
    run_team(threads, [&](Member& member) {
        const std::size_t p = static_cast<std::size_t>(member.index);
        std::int32_t* to = corners_.data() + first[p];
        for (const std::int32_t corner : parts[p]->corners())
            *to++ = p == 0 ? corner : called[p][static_cast<std::size_t>(corner)];
        const auto range = member.share(static_cast<std::ptrdiff_t>(list.size()));
        if (range.begin == range.end) return;
        const Tiles::Tile& last = list[static_cast<std::size_t>(range.end - 1)];
        const std::int32_t shift = static_cast<std::int32_t>(first[p] / static_cast<std::size_t>(corners()));
        for (std::ptrdiff_t i = list[static_cast<std::size_t>(range.begin)].first; i < last.first + last.pixels(); ++i)
            simplex_[static_cast<std::size_t>(i)] += shift;
    });
    const std::vector<Key<Words>>& vertices = parts[0]->names();
    const KeyTable<Words>& table = parts[0]->vertices();
    vertices_ = table.size();

    // Along direction j, the next vertex is one step further on all axes but j, and d steps back on that one.
    chains_.resize(static_cast<std::size_t>(d) + 1);
    std::vector<Key<Words>> unit;
    for (const Field& field : fields.quotient) unit.push_back(field.template unit<Words>());
    const Key<Words> unit_remainder = fields.remainder.template unit<Words>();
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

std::vector<std::int32_t> Lattice::grouped(const Tiles& tiles, int threads) const {
    std::vector<std::int32_t> order(static_cast<std::size_t>(tiles.pixels()));
    run_team(threads, [&](const Member& member) {
        // Per simplex, the last tile that met it and its number there; numbers are given in the order of appearance.
        struct Seen {
            std::ptrdiff_t tile = -1;
            int number = 0;
        };
        std::vector<Seen> seen(static_cast<std::size_t>(simplices()));
        int number[block], size[block], start[block], groups_of[block + 1];
        const auto range = member.share(static_cast<std::ptrdiff_t>(tiles.list().size()));
        for (std::ptrdiff_t t = range.begin; t < range.end; ++t) {
            const Tiles::Tile& tile = tiles.list()[static_cast<std::size_t>(t)];
            const std::int32_t* const simplex = simplex_.data() + tile.first;
            const int count = tile.pixels();
            int groups = 0;
            for (int i = 0; i < count; ++i) {
                Seen& entry = seen[static_cast<std::size_t>(simplex[i])];
                if (entry.tile != t) {
                    entry = {t, groups};
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
                order[static_cast<std::size_t>(tile.first + start[number[i]]++)] = static_cast<std::int32_t>(tile.first + i);
        }
    });
    return order;
}

void Lattice::arrange(const std::vector<std::int32_t>& order, const Tiles& tiles, int threads) {
    const int n = corners();
    run_team(threads, [&](const Member& member) {
        std::vector<float> weight(static_cast<std::size_t>(n) * block);
        std::vector<std::int32_t> simplex(block);
        const auto range = member.share(static_cast<std::ptrdiff_t>(tiles.list().size()));
        for (std::ptrdiff_t t = range.begin; t < range.end; ++t) {
            const Tiles::Tile& tile = tiles.list()[static_cast<std::size_t>(t)];
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
    });
}

void Lattice::space_rows(int width) {
    const std::int32_t step = width / 2;
    if (vertices_ > INT32_MAX / step) throw std::invalid_argument("the lattice would need more than 16 GB");
    for (std::int32_t& corner : corners_) corner *= step;
    for (std::vector<Link>& chain : chains_)
        for (Link& link : chain) link.row *= step;
}

float Lattice::gain() const { return 1.0f / (1.0f + std::pow(2.0f, static_cast<float>(-dimensions_))); }

namespace {

void blur_ones(const std::vector<Link>& chain, std::vector<float>& value) {
    float before = 0.0f;
    for (std::size_t k = 0; k < chain.size(); ++k) {
        float& here = value[static_cast<std::size_t>(chain[k].row)];
        const float next = k + 1 < chain.size() ? value[static_cast<std::size_t>(chain[k + 1].row)] : 0.0f;
        const float old = here;
        here = old + before + chain[k].half * next;
        before = chain[k].half * old;
    }
}

}  // namespace

void Lattice::filter_ones(float* out, int threads) const {
    const int n = corners();
    const std::size_t vertices = static_cast<std::size_t>(vertices_);
    std::vector<std::vector<float>> sums(static_cast<std::size_t>(threads));
    run_team(threads, [&](Member& member) {
        const auto pixels = member.share(static_cast<std::ptrdiff_t>(simplex_.size()));
        const auto corner = [&](std::ptrdiff_t i) {
            return corners_.data() + static_cast<std::ptrdiff_t>(simplex_[static_cast<std::size_t>(i)]) * n;
        };
        std::vector<float>& own = sums[static_cast<std::size_t>(member.index)];
        own.resize(vertices);
        for (std::ptrdiff_t i = pixels.begin; i < pixels.end; ++i)
            for (int k = 0; k < n; ++k) own[static_cast<std::size_t>(corner(i)[k])] += weight_[static_cast<std::size_t>(i * n + k)];
        member.wait();
        std::vector<float>& value = sums[0];
        if (member.index == 0) {
            for (int t = 1; t < member.size; ++t)
                for (std::size_t v = 0; v < vertices; ++v) value[v] += sums[static_cast<std::size_t>(t)][v];
            for (const std::vector<Link>& chain : chains_) blur_ones(chain, value);
        }
        member.wait();
        for (std::ptrdiff_t i = pixels.begin; i < pixels.end; ++i) {
            float total = 0.0f;
            for (int k = 0; k < n; ++k) total += weight_[static_cast<std::size_t>(i * n + k)] * value[static_cast<std::size_t>(corner(i)[k])];
            out[i] = total;
        }
    });
}

}  // namespace pixelwise
