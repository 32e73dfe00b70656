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
        : places_(slots), of_(Tiles::most_pixels), keys_(Tiles::most_pixels), size_(Tiles::most_pixels),
          start_(Tiles::most_pixels), first_of_(Tiles::most_pixels + 1) {}

    // order[i]: the offset in the tile of the pixel that comes i-th. Groups of the same size are adjacent, so that the
    // processor can predict where each ends.
    void sort(const Tiles::Tile& tile, const Key<Words>* key, std::int32_t* order) {
        const int count = tile.pixels();
        std::fill(places_.begin(), places_.end(), std::int16_t{-1});
        count_ = 0;
        std::int16_t group = 0;
        for (int i = 0; i < count; ++i) {
            if (i == 0 || !(key[i] == key[i - 1])) group = number(key[i]);
            of_[at(i)] = group;
            ++size_[at(group)];
        }
        const int largest = *std::max_element(size_.begin(), size_.begin() + count_);
        std::fill_n(first_of_.begin(), largest + 1, 0);
        for (int g = 0; g < count_; ++g) ++first_of_[at(size_[at(g)])];
        int first = 0;
        for (int s = 1; s <= largest; ++s) first += s * std::exchange(first_of_[at(s)], first);
        for (int g = 0; g < count_; ++g) {
            int& next = first_of_[at(size_[at(g)])];
            start_[at(g)] = std::exchange(next, next + size_[at(g)]);
        }
        for (int i = 0; i < count; ++i) order[start_[at(of_[at(i)])]++] = i;
    }

    // Of the last tile: the number of groups, and where their pixels are in the order.
    int count() const { return count_; }
    int size(int group) const { return size_[at(group)]; }
    int start(int group) const { return start_[at(group)] - size_[at(group)]; }

  private:
    static constexpr int bits = 12, slots = 1 << bits;
    static_assert(slots >= 4 * Tiles::most_pixels, "most places stay free");

    static std::size_t at(std::ptrdiff_t index) { return static_cast<std::size_t>(index); }

    std::int16_t number(const Key<Words>& key) {
        std::size_t place = key.hash() >> (64 - bits);
        while (places_[place] >= 0 && !(keys_[at(places_[place])] == key)) place = (place + 1) % slots;
        if (places_[place] < 0) {
            places_[place] = static_cast<std::int16_t>(count_);
            size_[at(count_)] = 0;
            keys_[at(count_++)] = key;
        }
        return places_[place];
    }

    int count_ = 0;
    std::vector<std::int16_t> places_, of_;  // groups, by hash and by pixel
    std::vector<Key<Words>> keys_;
    std::vector<int> size_, start_, first_of_;
};

}  // namespace pixelwise
