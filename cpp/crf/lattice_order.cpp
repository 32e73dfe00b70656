// The order of pixels in which a lattice is swept.
#include <algorithm>
#include <utility>

#include "crf/permutohedral.hpp"
#include "common/threads.hpp"

namespace pixelwise {
namespace {

constexpr int block = Tiles::most_pixels;

// Numbers the simplices of one tile in the order of their appearance.
class TileNumbers {
  public:
    void clear() {
        std::fill_n(slots_, places, Slot{-1, 0});
        count_ = 0;
    }
    // The number of a simplex; it is new if the number equals count() before the call.
    int operator()(std::int32_t simplex) {
        std::uint32_t at = static_cast<std::uint32_t>(simplex) * 0x9e3779b9u >> (32 - bits);
        while (slots_[at].simplex != simplex && slots_[at].simplex >= 0) at = (at + 1) % places;
        if (slots_[at].simplex < 0) slots_[at] = {simplex, count_++};
        return slots_[at].number;
    }
    int count() const { return count_; }

  private:
    static constexpr int bits = 11, places = 1 << bits;
    static_assert(places >= 2 * block, "half of the places stay free");
    struct Slot {
        std::int32_t simplex, number;
    };
    Slot slots_[places];
    int count_ = 0;
};

}  // namespace

std::vector<std::int32_t> Lattice::grouped(const Tiles& tiles, int threads) const {
    std::vector<std::int32_t> order(static_cast<std::size_t>(tiles.pixels()));
    run_team(threads, [&](const Member& member) {
        TileNumbers numbers;
        int number[block], size[block], start[block], groups_of[block + 1];
        const auto range = member.share(static_cast<std::ptrdiff_t>(tiles.list().size()));
        for (std::ptrdiff_t t = range.begin; t < range.end; ++t) {
            member.go_on();
            const Tiles::Tile& tile = tiles.list()[static_cast<std::size_t>(t)];
            const std::int32_t* const simplex = simplex_.data() + tile.first;
            const int count = tile.pixels();
            numbers.clear();
            for (int i = 0; i < count; ++i) {
                const int before = numbers.count();
                number[i] = numbers(simplex[i]);
                if (number[i] == before) size[before] = 0;
                ++size[number[i]];
            }
            const int groups = numbers.count();
            // Groups of the same size are adjacent, so that the processor can predict where each ends.
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
            member.go_on();
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

}  // namespace pixelwise
