#include "common/regions.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;
using Number = std::int32_t;

// Neighbouring pixels of one label in a row, from `begin` to the next run's, and the region that holds them.
struct Run {
    Number begin, region;
};

struct Region {
    std::int64_t pixels = 0;
    std::uint8_t label = 0;
    bool outer = false;  // whether it touches the picture's border
};

// Numbers that are united step by step; each set is known by one of its numbers.
class Sets {
  public:
    Number add() {
        parent_.push_back(static_cast<Number>(parent_.size()));
        return parent_.back();
    }
    Number find(Number number) {
        while (parent_[number] != number) number = parent_[number] = parent_[parent_[number]];
        return number;
    }
    // The set of `from` becomes part of that of `into`.
    void unite(Number from, Number into) { parent_[find(from)] = find(into); }
    Number size() const { return static_cast<Number>(parent_.size()); }

  private:
    std::vector<Number> parent_;
};

class Regions {
  public:
    explicit Regions(const LabelMap& map) : map_(map) {
        Sets sets;
        first_.reserve(static_cast<std::size_t>(map.height) + 1);
        for (Index row = 0; row < map.height; ++row) add_row(row, sets);
        first_.push_back(runs_.size());
        std::vector<Number> number(static_cast<std::size_t>(sets.size()), -1);
        for (Index row = 0; row < map.height; ++row)
            for (std::size_t i = first_[row]; i < first_[row + 1]; ++i) {
                Number& own = number[sets.find(runs_[i].region)];
                if (own < 0) {
                    own = static_cast<Number>(all.size());
                    all.push_back({0, label(row, i), false});
                }
                runs_[i].region = own;
                all[own].pixels += end(row, i) - runs_[i].begin;
                all[own].outer |= row == 0 || row + 1 == map.height || runs_[i].begin == 0 || end(row, i) == map.width;
            }
    }

    // Calls `visit(one, other, length)` for each stretch of border between two regions.
    template <class Visit>
    void visit_borders(Visit visit) const {
        for (Index row = 0; row < map_.height; ++row) {
            for (std::size_t i = first_[row] + 1; i < first_[row + 1]; ++i)
                visit(runs_[i - 1].region, runs_[i].region, 1);
            if (row == 0) continue;
            visit_overlaps(row, [&](std::size_t above, std::size_t below, Number length) {
                if (runs_[above].region != runs_[below].region) visit(runs_[above].region, runs_[below].region, length);
            });
        }
    }

    // The number of the largest region of a label other than `background`; -1 if there is none.
    Number largest_besides(int background) const {
        Number found = -1;
        for (Number i = 0; i < static_cast<Number>(all.size()); ++i)
            if (all[i].label != background && (found < 0 || all[i].pixels > all[found].pixels)) found = i;
        return found;
    }

    // Fills the map in with the regions' labels.
    void write() const {
        for (Index row = 0; row < map_.height; ++row)
            for (std::size_t i = first_[row]; i < first_[row + 1]; ++i)
                std::fill(map_.labels + row * map_.width + runs_[i].begin, map_.labels + row * map_.width + end(row, i),
                          all[runs_[i].region].label);
    }

    std::vector<Region> all;

  private:
    std::uint8_t label(Index row, std::size_t run) const { return map_.labels[row * map_.width + runs_[run].begin]; }
    Number end(Index row, std::size_t run) const {
        return run + 1 < first_[row + 1] ? runs_[run + 1].begin : static_cast<Number>(map_.width);
    }

    void add_row(Index row, Sets& sets) {
        first_.push_back(runs_.size());
        const std::uint8_t* labels = map_.labels + row * map_.width;
        for (Index x = 0; x < map_.width; ++x)
            if (x == 0 || labels[x] != labels[x - 1]) runs_.push_back({static_cast<Number>(x), sets.add()});
        if (row == 0) return;
        first_.push_back(runs_.size());
        visit_overlaps(row, [&](std::size_t above, std::size_t below, Number) {
            if (label(row - 1, above) == label(row, below)) sets.unite(runs_[below].region, runs_[above].region);
        });
        first_.pop_back();
    }

    // Calls `visit(above, below, length)` for runs of row - 1 and of `row` that share columns.
    template <class Visit>
    void visit_overlaps(Index row, Visit visit) const {
        std::size_t above = first_[row - 1], below = first_[row];
        while (above < first_[row] && below < first_[row + 1]) {
            const Number left = std::max(runs_[above].begin, runs_[below].begin);
            const Number above_end = end(row - 1, above), below_end = end(row, below);
            visit(above, below, std::min(above_end, below_end) - left);
            if (above_end <= below_end) ++above;
            if (below_end <= above_end) ++below;
        }
    }

    LabelMap map_;
    std::vector<Run> runs_;
    std::vector<std::size_t> first_;  // (height + 1) where each row's runs begin
};

// Unites small regions with their neighbours.
class Merging {
  public:
    Merging(Regions& regions, std::int64_t smallest, int background)
        : regions_(regions), smallest_(smallest), kept_(regions.largest_besides(background)) {
        if (kept_ >= 0 && regions.all[kept_].pixels < (smallest + 9) / 10) kept_ = -1;  // a speck
        const std::size_t count = regions.all.size();
        for (std::size_t i = 0; i < count; ++i) sets_.add();
        first_ = std::vector<std::size_t>(count + 1, 0);
        next_ = std::vector<Number>(count, -1);
        last_.resize(count);
        for (std::size_t i = 0; i < count; ++i) last_[i] = static_cast<Number>(i);
        regions.visit_borders([&](Number one, Number other, Number) {
            if (small(one)) ++first_[one + 1];
            if (small(other)) ++first_[other + 1];
        });
        for (std::size_t i = 0; i < count; ++i) first_[i + 1] += first_[i];
        borders_.resize(first_.back());
        std::vector<std::size_t> at(first_.begin(), first_.end() - 1);
        regions.visit_borders([&](Number one, Number other, Number length) {
            if (small(one)) borders_[at[one]++] = {other, length};
            if (small(other)) borders_[at[other]++] = {one, length};
        });
    }

    void run() {
        using Entry = std::pair<std::int64_t, Number>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> waiting;
        for (Number i = 0; i < sets_.size(); ++i)
            if (small(i)) waiting.push({regions_.all[i].pixels, i});
        while (!waiting.empty()) {
            const auto [pixels, region] = waiting.top();
            waiting.pop();
            if (sets_.find(region) != region || regions_.all[region].pixels != pixels) continue;  // has grown since
            const Number into = merge(region);
            if (into >= 0 && small(into)) waiting.push({regions_.all[into].pixels, into});
        }
        for (Number i = 0; i < sets_.size(); ++i) regions_.all[i].label = regions_.all[sets_.find(i)].label;
    }

  private:
    bool small(Number region) {
        return regions_.all[region].pixels < smallest_ && (kept_ < 0 || region != sets_.find(kept_));
    }

    // Unites a region with all neighbours of the label with which it shares most border. Returns the new region; -1
    // if the picture is one region.
    Number merge(Number region) {
        std::array<std::int64_t, 256> shared{};
        neighbours_.clear();
        for (Number member = region; member >= 0; member = next_[member])
            for (std::size_t i = first_[member]; i < first_[member + 1]; ++i) {
                const Number other = sets_.find(borders_[i].first);
                if (other == region) continue;
                shared[regions_.all[other].label] += borders_[i].second;
                neighbours_.push_back(other);
            }
        if (neighbours_.empty()) return -1;
        const auto label = static_cast<std::uint8_t>(std::max_element(shared.begin(), shared.end()) - shared.begin());
        Number into = -1;
        for (const Number neighbour : neighbours_) {
            const Number other = sets_.find(neighbour);
            if (regions_.all[other].label != label || other == into) continue;
            into = into < 0 ? other : united(into, other);
        }
        return united(region, into);
    }

    // `from` becomes part of `into`, whose number and label stay; the kept region's members do not matter.
    Number united(Number from, Number into) {
        sets_.unite(from, into);
        regions_.all[into].pixels += regions_.all[from].pixels;
        next_[last_[into]] = from;
        last_[into] = last_[from];
        return into;
    }

    Regions& regions_;
    const std::int64_t smallest_;
    Number kept_;  // the region that stays though it is small; -1 if none does
    Sets sets_;
    std::vector<std::size_t> first_;                   // where each region's borders begin; only small ones have any
    std::vector<std::pair<Number, Number>> borders_;  // neighbour and length
    std::vector<Number> next_, last_, neighbours_;     // the regions of a set, as a list
};

}  // namespace

void keep_largest_region(const LabelMap& map, std::uint8_t background) {
    Regions regions(map);
    const Number largest = regions.largest_besides(background);
    for (Number i = 0; i < static_cast<Number>(regions.all.size()); ++i)
        if (i != largest) regions.all[i].label = background;
    regions.write();
}

void fill_holes(const LabelMap& map, std::uint8_t background) {
    Regions regions(map);
    constexpr int none = -1, several = -2;
    std::vector<int> around(regions.all.size(), none);
    const auto see = [&](Number region, Number other) {
        const int label = regions.all[other].label;
        around[region] = around[region] == none || around[region] == label ? label : several;
    };
    regions.visit_borders([&](Number one, Number other, Number) {
        see(one, other);
        see(other, one);
    });
    for (std::size_t i = 0; i < around.size(); ++i) {
        Region& region = regions.all[i];
        if (region.label == background && !region.outer && around[i] >= 0) region.label = static_cast<std::uint8_t>(around[i]);
    }
    regions.write();
}

void remove_small_regions(const LabelMap& map, std::int64_t smallest, int background) {
    Regions regions(map);
    Merging(regions, smallest, background).run();
    regions.write();
}

}  // namespace pixelwise
