#include "crf/permutohedral.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "crf/key_table.hpp"
#include "crf/lattice_fields.hpp"
#include "crf/simplex_numbers.hpp"
#include "common/threads.hpp"

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

Lattice::Lattice(int dimensions, const float* features, const Tiles& tiles, const Routines& routines, int threads,
                 std::ptrdiff_t most_vertices)
    : dimensions_(dimensions) {
    std::vector<Interval> extents;
    for (int k = 0; k < dimensions; ++k) {
        InterruptScope::answer();
        extents.push_back(extent(features + k * tiles.pixels(), tiles.pixels(), k));
    }
    const LatticeFields fields(dimensions, extents);
    if (fields.words == 1)
        build<1>(features, tiles, routines, threads, fields, most_vertices);
    else if (fields.words == 2)
        build<2>(features, tiles, routines, threads, fields, most_vertices);
    else
        build<8>(features, tiles, routines, threads, fields, most_vertices);
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

[[noreturn]] void refuse(std::ptrdiff_t most_vertices) {
    throw LatticeTooLarge("the lattice would have more than " + std::to_string(most_vertices) + " vertices");
}

}  // namespace

template <int Words>
void Lattice::build(const float* features, const Tiles& tiles, const Routines& routines, int threads,
                    const LatticeFields& fields, std::ptrdiff_t most_vertices) {
    const int d = dimensions_;
    const std::ptrdiff_t pixels = tiles.pixels();
    const auto& list = tiles.list();
    simplex_.resize(static_cast<std::size_t>(pixels));
    weight_.resize(static_cast<std::size_t>(pixels) * static_cast<std::size_t>(corners()));

    // Where each pixel lies, and the number of its simplex: each thread for its part of tiles, with numbers of its own.
    // Weights are kept tile by tile as (corners, pixels of the tile) until arrange().
    const std::vector<float> scale = elevation_scale(d);
    struct Room {
        std::vector<float> points, weight;
        std::vector<std::int32_t> found;
        std::vector<Key<Words>> keys;
        explicit Room(std::size_t d) : points(d * block), weight((d + 1) * block), found(d * block), keys(block) {}
    };
    std::vector<Room> rooms;
    std::vector<std::unique_ptr<SimplexNumbers<Words>>> parts;
    for (int t = 0; t < threads; ++t) {
        rooms.emplace_back(static_cast<std::size_t>(d));
        parts.push_back(std::make_unique<SimplexNumbers<Words>>(fields, d));
    }
    // Vertices that several parts touch count several times here, so more are allowed.
    const std::ptrdiff_t most_in_parts = threads == 1 || most_vertices > PTRDIFF_MAX / 4 ? most_vertices : 4 * most_vertices;
    std::atomic<std::ptrdiff_t> in_parts{0};
    first_pixel_.assign(static_cast<std::size_t>(threads) + 1, pixels);
    run_team(threads, [&](Member& member) {
        auto& part = *parts[static_cast<std::size_t>(member.index)];
        Room& room = rooms[static_cast<std::size_t>(member.index)];
        const auto range = member.share(static_cast<std::ptrdiff_t>(list.size()));
        if (range.begin < static_cast<std::ptrdiff_t>(list.size()))
            first_pixel_[static_cast<std::size_t>(member.index)] = list[static_cast<std::size_t>(range.begin)].first;
        for (std::ptrdiff_t t = range.begin; t < range.end; ++t) {
            member.go_on();
            const Tiles::Tile& tile = list[static_cast<std::size_t>(t)];
            const int count = tile.pixels();
            for (int k = 0; k < d; ++k)
                tiles.for_rows(tile, [&](std::ptrdiff_t pixel, int at, int width) {
                    std::memcpy(&room.points[static_cast<std::size_t>(k * block + at)], features + k * pixels + pixel,
                                static_cast<std::size_t>(width) * sizeof(float));
                });
            routines.locate({d, room.points.data(), scale.data(), count, block}, room.found.data(), room.weight.data());
            for (int k = 0; k <= d; ++k)
                std::copy_n(&room.weight[static_cast<std::size_t>(k * block)], count,
                            weight_.data() + tile.first * corners() + k * count);
            pack(fields.simplex, room.found.data(), count, room.keys.data());
            const std::size_t before = part.names().size();
            part.number(tile, room.keys.data(), simplex_.data() + tile.first);
            const std::ptrdiff_t added = static_cast<std::ptrdiff_t>(part.names().size() - before);
            if (in_parts.fetch_add(added, std::memory_order_relaxed) + added > most_in_parts) refuse(most_vertices);
        }
    });
    rooms.clear();
    for (auto& part : parts) part->finish(part != parts[0]);

    // All parts use the first part's numbers of vertices; simplices that two parts found stay twice.
    called_.resize(parts.size());
    std::vector<std::size_t> first(parts.size() + 1, 0);
    for (std::size_t p = 0; p < parts.size(); ++p) {
        if (p > 0) called_[p] = parts[0]->adopt(*parts[p]);
        first[p + 1] = first[p] + parts[p]->corners().size();
    }
    vertices_ = parts[0]->vertices().size();
    if (vertices_ > most_vertices) refuse(most_vertices);
    corners_.resize(first.back());
    own_corners_.resize(threads > 1 ? first.back() : 0);
    run_team(threads, [&](Member& member) {
        const std::size_t p = static_cast<std::size_t>(member.index);
        std::size_t to = first[p];
        for (const std::int32_t corner : parts[p]->corners()) {
            if (member.size > 1) own_corners_[to] = corner;
            corners_[to++] = p == 0 ? corner : called_[p][static_cast<std::size_t>(corner)];
        }
        const std::int32_t shift = static_cast<std::int32_t>(first[p] / static_cast<std::size_t>(corners()));
        for (std::ptrdiff_t i = first_pixel_[p]; i < first_pixel_[p + 1]; ++i) simplex_[static_cast<std::size_t>(i)] += shift;
    });
    parts.resize(1);
    link(*parts[0], fields, threads);
}

// The chains of all vertices.
template <int Words>
void Lattice::link(const SimplexNumbers<Words>& all, const LatticeFields& fields, int threads) {
    const int d = dimensions_;
    const std::vector<Key<Words>>& vertices = all.names();
    const KeyTable<Words>& table = all.vertices();

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
            std::size_t linked = 0;
            constexpr int batch = 32;
            Key<Words> wanted[batch];
            std::uint64_t hash[batch];
            for (std::size_t begin = 0; begin < vertices.size(); begin += batch) {
                const std::size_t count = std::min<std::size_t>(batch, vertices.size() - begin);
                if (begin % 4096 == 0) member.go_on();
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
            for (std::size_t v = 0; v < next.size(); ++v) linked += headed[v] || next[v] >= 0;
            chain.reserve(linked);
            for (std::size_t v = 0; v < next.size(); ++v) {
                if (v % 4096 == 0) member.go_on();
                if (headed[v] || next[v] < 0) continue;
                for (std::int32_t at = static_cast<std::int32_t>(v); at >= 0; at = next[static_cast<std::size_t>(at)])
                    chain.push_back({at, next[static_cast<std::size_t>(at)] < 0 ? 0.0f : 0.5f});
            }
        }
    });
}

void Lattice::space_rows(int width) {
    const std::int32_t step = width / 2;
    if (vertices_ > INT32_MAX / step) throw std::invalid_argument("the lattice would need more than 16 GB");
    for (std::int32_t& corner : corners_) corner *= step;
    for (std::int32_t& corner : own_corners_) corner *= step;
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

void Lattice::filter_ones(float* out) const {
    const int n = corners(), threads = static_cast<int>(called_.size());
    std::vector<std::vector<float>> sums;  // of each part's vertices; the first one's become those of all
    for (int p = 0; p < threads; ++p) sums.emplace_back(p == 0 ? static_cast<std::size_t>(vertices_) : called(p).size());
    std::vector<float>& value = sums[0];
    run_team(threads, [&](Member& member) {
        const std::size_t p = static_cast<std::size_t>(member.index);
        const auto for_pixels = [&](const std::int32_t* rows, const auto& work) {
            for (std::ptrdiff_t i = first_pixel_[p]; i < first_pixel_[p + 1]; ++i) {
                if (i % 65536 == 0) member.go_on();
                work(i, rows + static_cast<std::ptrdiff_t>(simplex_[static_cast<std::size_t>(i)]) * n);
            }
        };
        const auto weight = [&](std::ptrdiff_t i, int k) { return weight_[static_cast<std::size_t>(i * n + k)]; };
        std::vector<float>& own = sums[p];
        for_pixels(own_row(), [&](std::ptrdiff_t i, const std::int32_t* corner) {
            for (int k = 0; k < n; ++k) own[static_cast<std::size_t>(corner[k])] += weight(i, k);
        });
        member.wait();
        if (member.index == 0) {
            for (int t = 1; t < member.size; ++t)
                for (std::size_t v = 0; v < called(t).size(); ++v)
                    value[static_cast<std::size_t>(called(t)[v])] += sums[static_cast<std::size_t>(t)][v];
            for (const std::vector<Link>& chain : chains_) {
                member.go_on();
                blur_ones(chain, value);
            }
        }
        member.wait();
        for_pixels(corners_.data(), [&](std::ptrdiff_t i, const std::int32_t* corner) {
            float total = 0.0f;
            for (int k = 0; k < n; ++k) total += weight(i, k) * value[static_cast<std::size_t>(corner[k])];
            out[i] = total;
        });
    });
}

}  // namespace pixelwise
