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
#include "crf/vertex_numbers.hpp"
#include "common/threads.hpp"

namespace pixelwise {
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
    : dimensions_(dimensions), shape_(tiles.shape()) {
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
    filter_ones();
}

namespace {

// Weights (corners, block) of a block of points, as (points, corners) in this order.
inline void gather(int corners, int block, const float* weight, const std::int32_t* order, int count, float* to) {
    for (int i = 0; i < count; ++i, to += corners)
        for (int k = 0; k < corners; ++k) to[k] = weight[k * block + order[i]];
}

[[noreturn]] void refuse(std::ptrdiff_t most_vertices) {
    throw LatticeTooLarge("the lattice would have more than " + std::to_string(most_vertices) + " vertices");
}

}  // namespace

template <int Words>
void Lattice::build(const float* features, const Tiles& tiles, const Routines& routines, int threads,
                    const LatticeFields& fields, std::ptrdiff_t most_vertices) {
    constexpr int block = VertexNumbers<Words>::block;
    const int d = dimensions_;
    const std::ptrdiff_t pixels = tiles.pixels();
    const auto& list = tiles.list();
    simplex_.resize(static_cast<std::size_t>(pixels));
    weight_.resize(static_cast<std::size_t>(pixels) * static_cast<std::size_t>(corners()));
    order_.resize(static_cast<std::size_t>(pixels));

    // Where each pixel lies, and the number of its simplex: each thread for its part of tiles, with numbers of its own.
    const std::vector<float> scale = elevation_scale(d);
    struct Room {
        std::vector<float> points, weight;
        std::vector<std::int32_t> found;
        explicit Room(std::size_t d) : points(d * block), weight((d + 1) * block), found(d * block) {}
    };
    std::vector<Room> rooms;
    std::vector<std::unique_ptr<VertexNumbers<Words>>> parts;
    for (int t = 0; t < threads; ++t) {
        rooms.emplace_back(static_cast<std::size_t>(d));
        parts.push_back(std::make_unique<VertexNumbers<Words>>(fields, routines));
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
            const std::size_t before = part.names().size();
            std::int32_t* const order = order_.data() + tile.first;
            part.number(tile, room.found.data(), order, simplex_.data() + tile.first);
            float* const weight = weight_.data() + tile.first * corners();
            with_corners(corners(), [&](auto known) { gather(known ? known : d + 1, block, room.weight.data(), order, count, weight); });
            for (int i = 0; i < count; ++i) order[i] += static_cast<std::int32_t>(tile.first);
            const std::ptrdiff_t added = static_cast<std::ptrdiff_t>(part.names().size() - before);
            if (in_parts.fetch_add(added, std::memory_order_relaxed) + added > most_in_parts) refuse(most_vertices);
        }
    });
    rooms.clear();
    for (auto& part : parts)
        if (part != parts[0]) part->vertices().forget_slots();

    // All parts use the first part's numbers of vertices.
    called_.resize(parts.size());
    std::vector<std::size_t> first(parts.size() + 1, 0);
    for (std::size_t p = 0; p < parts.size(); ++p) {
        if (p > 0) called_[p] = parts[0]->adopt(*parts[p]);
        first[p + 1] = first[p] + parts[p]->corners().size();
    }
    vertices_ = parts[0]->vertices().size();
    within(most_vertices);
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
    link(parts[0]->vertices(), fields, threads);
}

// The chains of all vertices.
template <int Words>
void Lattice::link(const KeyTable<Words>& table, const LatticeFields& fields, int threads) {
    const int d = dimensions_;
    const std::vector<Key<Words>>& vertices = table.keys();

    // Along direction j, the next vertex is one step further on all axes but j, and d steps back on that one.
    chains_.resize(static_cast<std::size_t>(d) + 1);
    std::vector<Key<Words>> unit;
    for (const Field& field : fields.quotient) unit.push_back(field.unit<Key<Words>>());
    const Key<Words> unit_remainder = fields.remainder.unit<Key<Words>>();
    Key<Words> wrap;  // from remainder d to 0, every quotient rises
    for (const Key<Words>& step : unit) wrap += step;
    for (int r = 0; r < d; ++r) wrap -= unit_remainder;
    run_team(std::min(threads, d + 1), [&](Member& member) {
        constexpr int batch = 1024;
        const int count = static_cast<int>(vertices_);
        std::vector<Key<Words>> wanted(batch);
        std::vector<std::int32_t> next(static_cast<std::size_t>(count)), heads(static_cast<std::size_t>(count));
        std::vector<std::uint8_t> follows(static_cast<std::size_t>(count) + 1);
        for (int j = member.index; j <= d; j += member.size) {
            std::fill(follows.begin(), follows.end(), std::uint8_t{0});
            std::size_t links = 0, chains = 0;
            for (int begin = 0; begin < count; begin += batch) {
                member.go_on();
                const int here = std::min(batch, count - begin);
                for (int i = 0; i < here; ++i) {
                    Key<Words> key = vertices[static_cast<std::size_t>(begin + i)];
                    key += fields.remainder.raw(key) == d ? wrap : unit_remainder;
                    if (j < d) key -= unit[static_cast<std::size_t>(j)];
                    wanted[static_cast<std::size_t>(i)] = key;
                }
                std::int32_t* const to = next.data() + begin;
                table.find(wanted.data(), here, to);
                for (int i = 0; i < here; ++i) {
                    const bool linked = to[i] >= 0;
                    follows[static_cast<std::size_t>(linked ? to[i] : count)] = 1;
                    links += linked;
                }
            }
            for (std::size_t v = 0; v < next.size(); ++v) {
                heads[chains] = static_cast<std::int32_t>(v);
                chains += (next[v] >= 0) & !follows[v];
            }
            std::vector<Link>& chain = chains_[static_cast<std::size_t>(j)];
            chain.resize(links + chains);
            Link* to = chain.data();
            for (std::size_t c = 0; c < chains; ++c) {
                if (c % 4096 == 0) member.go_on();
                for (std::int32_t at = heads[c]; at >= 0; at = next[static_cast<std::size_t>(at)])
                    *to++ = {at, next[static_cast<std::size_t>(at)] < 0 ? 0.0f : 0.5f};
            }
        }
    });
}

std::ptrdiff_t Lattice::within(std::ptrdiff_t most_vertices) const {
    if (vertices_ > most_vertices) refuse(most_vertices);
    return most_vertices - vertices_;
}

float Lattice::gain() const { return 1.0f / (1.0f + std::pow(2.0f, static_cast<float>(-dimensions_))); }

std::ptrdiff_t chain_start(const std::vector<Link>& links, std::ptrdiff_t target) {
    const std::ptrdiff_t count = static_cast<std::ptrdiff_t>(links.size());
    while (target > 0 && target < count && links[static_cast<std::size_t>(target - 1)].half != 0.0f) ++target;
    return target;
}

}  // namespace pixelwise
