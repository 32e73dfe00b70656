// Regions of a label map: pixels of one label, connected through their four neighbours. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pixelwise {

struct LabelMap {
    std::uint8_t* labels;  // (height, width)
    std::ptrdiff_t height, width;
};

// Gives `background` to every region of another label but the largest.
void keep_largest_region(const LabelMap& map, std::uint8_t background);

// A region of `background` that does not touch the picture's border and lies inside regions of one label gets that label.
void fill_holes(const LabelMap& map, std::uint8_t background);

// A region of fewer than `smallest` pixels gets the label with which it shares the longest border, the smallest region
// first. The largest region of a label other than `background` (-1: there is none) stays from a tenth of `smallest` on.
void remove_small_regions(const LabelMap& map, std::int64_t smallest, int background);

}  // namespace pixelwise
