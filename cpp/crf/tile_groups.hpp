// Sorts the pixels of a tile by simplex. No Python here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "crf/key_table.hpp"
#include "crf/permutohedral.hpp"

namespace pixelwise {

template <int Words>
class TileGroups {
  public:
    TileGroups()
        : places_(slots), of_(Tiles::most_pixels), size_(Tiles::most_pixels), start_(Tiles::most_pixels),
          first_of_(Tiles::most_pixels + 1) {
        keys_.reserve(Tiles::most_pixels);
    }

    // order[i]: the offset in the tile of the pixel that comes i-th. Groups of the same size are adjacent, so that the
    // processor can predict where each ends.
    void sort(const Tiles::Tile& tile, const Key<Words>* key, std::int32_t* order) {
        const int count = tile.pixels();
        keys_.clear();
        std::fill(places_.begin(), places_.end(), std::int16_t{-1});
        for (int i = 0; i < count; ++i) {
            const int group = number(key[i]);
            of_[at(i)] = static_cast<std::int16_t>(group);
            ++size_[at(group)];
        }
        std::fill_n(first_of_.begin(), count + 1, 0);
        for (std::size_t g = 0; g < keys_.size(); ++g) ++first_of_[at(size_[g])];
        int first = 0;
        for (int s = 1; s <= count; ++s) first += s * std::exchange(first_of_[at(s)], first);
        for (std::size_t g = 0; g < keys_.size(); ++g) {
            int& next = first_of_[at(size_[g])];
            start_[g] = std::exchange(next, next + size_[g]);
        }
        for (int i = 0; i < count; ++i) order[start_[at(of_[at(i)])]++] = i;
    }

    // Of the last tile: its distinct keys, and where their pixels are in the order.
    const std::vector<Key<Words>>& keys() const { return keys_; }
    int size(std::size_t group) const { return size_[group]; }
    int start(std::size_t group) const { return start_[group] - size_[group]; }

  private:
    static constexpr int bits = 12, slots = 1 << bits;
    static_assert(slots >= 4 * Tiles::most_pixels, "most places stay free");

    static std::size_t at(std::ptrdiff_t index) { return static_cast<std::size_t>(index); }

    int number(const Key<Words>& key) {
        std::size_t place = key.hash() >> (64 - bits);
        while (places_[place] >= 0 && !(keys_[at(places_[place])] == key)) place = (place + 1) % slots;
        if (places_[place] < 0) {
            places_[place] = static_cast<std::int16_t>(keys_.size());
            size_[keys_.size()] = 0;
            keys_.push_back(key);
        }
        return places_[place];
    }

    std::vector<std::int16_t> places_, of_;  // groups, by hash and by pixel
    std::vector<Key<Words>> keys_;
    std::vector<int> size_, start_, first_of_;
};

}  // namespace pixelwise
