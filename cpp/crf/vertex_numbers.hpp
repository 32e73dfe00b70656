// Numbers the vertices of a set of pixels in the order of appearance, and lists those of each simplex. No Python here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/threads.hpp"
#include "crf/key_table.hpp"
#include "crf/lattice_fields.hpp"
#include "crf/permutohedral.hpp"
#include "crf/tile_groups.hpp"

namespace pixelwise {

template <int Words>
class VertexNumbers {
  public:
    static constexpr int block = Tiles::most_pixels + 16;  // not a power of 2: cache conflicts

    VertexNumbers(const LatticeFields& fields, const Routines& routines)
        : fields_(fields.keys()), corners_of_each_(fields_.dimensions + 1), routines_(routines), vertices_(routines),
          keys_(block), distinct_(size(fields_.dimensions * block)), around_(size(corners_of_each_ * block)),
          wanted_(around_.size()), numbers_(around_.size()) {}

    // For the pixels of a tile, whose simplices are (dimensions, block) as locate() finds them: order[i] is the offset in
    // the tile of the pixel that comes i-th if those of one simplex stand side by side, and id[i] the number of its
    // simplex. Each tile numbers its simplices without looking for those of others, which would take longer.
    void number(const Tiles::Tile& tile, const std::int32_t* simplex, std::int32_t* order, std::int32_t* id) {
        for (int word = 0; word < Words; ++word)
            routines_.simplex_keys(fields_, word, simplex, tile.pixels(), block, keys_[0].word + word, Words);
        groups_.sort(tile, keys_.data(), order);
        const int groups = groups_.count(), n = corners_of_each_;
        const std::int32_t first = static_cast<std::int32_t>(corners_.size() / size(n));
        for (int g = 0; g < groups; ++g) {
            std::fill_n(id + groups_.start(g), groups_.size(g), first + g);
            const int pixel = order[groups_.start(g)];
            for (int k = 0; k < fields_.dimensions; ++k) distinct_[size(k * block + g)] = simplex[k * block + pixel];
        }
        for (int word = 0; word < Words; ++word)
            routines_.vertex_keys(fields_, word, distinct_.data(), groups, block, around_[0].word + word, Words);
        look_up(groups);
    }

    // Also numbers the vertices of other pixels, and returns the numbers of their corners here.
    std::vector<std::int32_t> adopt(const VertexNumbers& other) {
        constexpr int batch = 4096;
        const int count = other.vertices_.size();
        std::vector<std::int32_t> called(size(count));
        for (int begin = 0; begin < count; begin += batch) {
            InterruptScope::answer();
            vertices_.number(other.names().data() + begin, std::min(batch, count - begin), called.data() + begin);
        }
        return called;
    }

    // (simplices, d + 1): the vertices of each.
    const std::vector<std::int32_t>& corners() const { return corners_; }
    const std::vector<Key<Words>>& names() const { return vertices_.keys(); }  // of vertices
    KeyTable<Words>& vertices() { return vertices_; }

  private:
    static std::size_t size(std::ptrdiff_t count) { return static_cast<std::size_t>(count); }

    // Lists the numbers of the vertices in around_. Neighbouring simplices have most of them in common, so only those that
    // differ from the last one are looked up.
    void look_up(int groups) {
        const int n = corners_of_each_;
        const std::size_t before = corners_.size();
        corners_.resize(before + size(groups * n));
        std::int32_t* const corner = corners_.data() + before;
        int count = 0, latest[max_dimensions + 1] = {};
        for (int g = 0; g < groups; ++g)
            for (int k = 0; k < n; ++k) {
                const Key<Words>* const key = &around_[size(k * block + g)];
                const bool differs = g == 0 || !(key[0] == key[-1]);
                wanted_[size(count)] = key[0];
                latest[k] = differs ? count : latest[k];
                count += differs;
                corner[g * n + k] = latest[k];
            }
        vertices_.number(wanted_.data(), count, numbers_.data());
        for (int i = 0; i < groups * n; ++i) corner[i] = numbers_[size(corner[i])];
    }

    const KeyFields fields_;
    const int corners_of_each_;
    const Routines& routines_;
    KeyTable<Words> vertices_;
    std::vector<std::int32_t> corners_;
    TileGroups<Words> groups_;
    std::vector<Key<Words>> keys_;         // of the pixels' simplices
    std::vector<std::int32_t> distinct_;   // simplices, (dimensions, block)
    std::vector<Key<Words>> around_;       // of their vertices, (corners, block)
    std::vector<Key<Words>> wanted_;       // those to be looked up
    std::vector<std::int32_t> numbers_;    // of those
};

}  // namespace pixelwise
