// Numbers the simplices of a set of pixels, and their vertices, in the order of appearance. No Python here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "crf/key_table.hpp"
#include "crf/lattice_fields.hpp"
#include "crf/permutohedral.hpp"
#include "crf/tile_groups.hpp"
#include "common/threads.hpp"

namespace pixelwise {

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

template <int Words>
class SimplexNumbers {
  public:
    // `pixels`: about how many there will be.
    SimplexNumbers(const LatticeFields& fields, int dimensions, std::ptrdiff_t pixels)
        : fields_(fields), d_(dimensions), cell_(dimensions + 1), unit_remainder_(fields.remainder.template unit<Words>()),
          simplices_(size(std::min<std::ptrdiff_t>(pixels / 2, 1 << 17))),
          hashes_(size(Tiles::most_pixels * (dimensions + 1) + ahead)),
          around_(size(Tiles::most_pixels * (dimensions + 1))) {
        for (const Field& field : fields.quotient) unit_.push_back(field.template unit<Words>());
    }

    // For the pixels of a tile, whose simplices have these keys: order[i] is the offset in the tile of the pixel that comes
    // i-th if those of one simplex stand side by side, and id[i] the number of its simplex.
    void number(const Tiles::Tile& tile, const Key<Words>* key, std::int32_t* order, std::int32_t* id) {
        groups_.sort(tile, key, order);
        const std::vector<Key<Words>>& distinct = groups_.keys();
        const std::size_t each = size(d_ + 1);
        for (std::size_t g = 0; g < distinct.size(); ++g) hashes_[g] = distinct[g].hash();
        fresh_.clear();
        for (std::size_t g = 0; g < distinct.size(); ++g) {
            simplices_.prefetch(hashes_[g + ahead]);
            const std::int32_t before = simplices_.size(), number = simplices_.number(distinct[g], hashes_[g]);
            if (number == before) fresh_.push_back(distinct[g]);
            std::fill_n(id + groups_.start(g), groups_.size(g), number);
        }
        const std::size_t wanted = fresh_.size() * each;
        for (std::size_t i = 0; i < fresh_.size(); ++i) go_round(fresh_[i], &around_[i * each]);
        for (std::size_t i = 0; i < wanted; ++i) hashes_[i] = around_[i].hash();
        for (std::size_t i = 0; i < wanted; ++i) {
            vertices_.prefetch(hashes_[i + ahead]);
            corners_.push_back(vertex(around_[i], hashes_[i]));
        }
    }

    // Frees the memory for numbering more; that of `vertices` too, if no more will be found or adopted.
    void finish(bool vertices) {
        simplices_ = KeyTable<Words>();
        if (vertices) vertices_ = KeyTable<Words>();
    }

    // Also numbers the vertices of other pixels, and returns the numbers of their corners here.
    std::vector<std::int32_t> adopt(const SimplexNumbers& other) {
        std::vector<std::int32_t> called;
        called.reserve(other.names_.size());
        for (const Key<Words>& name : other.names_) {
            if (called.size() % 4096 == 0) InterruptScope::answer();
            called.push_back(vertex(name, name.hash()));
        }
        return called;
    }

    // (simplices, d + 1): the vertices of each.
    const std::vector<std::int32_t>& corners() const { return corners_; }
    const std::vector<Key<Words>>& names() const { return names_; }  // of vertices
    const KeyTable<Words>& vertices() const { return vertices_; }

  private:
    // Tables are large and visited in random order, so entries are prefetched.
    static constexpr int ahead = 16;

    static std::size_t size(std::ptrdiff_t count) { return static_cast<std::size_t>(count); }

    std::int32_t vertex(const Key<Words>& name, std::uint64_t hash) {
        const std::int32_t before = vertices_.size(), number = vertices_.number(name, hash);
        if (number == before) names_.push_back(name);
        return number;
    }

    // The vertices of a simplex. From one to the next: one step along all axes, and back by a cell on one of them.
    void go_round(const Key<Words>& simplex, Key<Words>* around) const {
        int axis_of_rank[max_dimensions + 1];
        std::fill(axis_of_rank, axis_of_rank + d_ + 1, d_);
        Key<Words> vertex;
        for (int i = 0; i < d_; ++i) {
            const Field& to = fields_.quotient[size(i)];
            const Field& from = fields_.simplex[size(i)];
            const std::int64_t name = from.raw(simplex);  // its smallest value is a multiple of d + 1
            const std::int64_t base = cell_.rounded_down(name + d_);
            axis_of_rank[base * (d_ + 1) - name] = i;
            vertex.word[to.word] += static_cast<std::uint64_t>(base + from.least / (d_ + 1) - to.least) << to.shift;
        }
        for (int r = 0; r <= d_; ++r) {
            around[r] = vertex;
            const int axis = axis_of_rank[d_ - r];
            vertex += unit_remainder_;
            if (axis < d_) vertex -= unit_[size(axis)];
        }
    }

    const LatticeFields& fields_;
    const int d_;
    const Divisor cell_;
    const Key<Words> unit_remainder_;
    std::vector<Key<Words>> unit_;
    KeyTable<Words> simplices_, vertices_;
    std::vector<Key<Words>> names_;
    std::vector<std::int32_t> corners_;
    TileGroups<Words> groups_;
    std::vector<std::uint64_t> hashes_;
    std::vector<Key<Words>> fresh_, around_;
};

}  // namespace pixelwise
