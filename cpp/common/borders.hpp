// Distances to marked pixels, and how near the contours of two label maps lie. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pixelwise {

// Fills `distance` (height, width) with the distance to the nearest pixel of `mask` that is not 0, diagonal steps
// counting one; everything farther than `limit` (1 to 254) gets limit + 1.
void chessboard_distance(const std::uint8_t* mask, std::size_t height, std::size_t width, int limit,
                         std::uint8_t* distance);

// A pixel lies on a contour if a pixel above, below, left or right has another label. Adds to the rows of `counts`
// (4, classes): pixels of predicted contours with a true one of their class at most `radius` away, in a straight line;
// pixels of predicted contours; and both for true contours. Labels that are `ignore` have no contour. Returns false,
// with `counts` invalid, if another label is not below `classes`.
bool count_contours(const std::uint8_t* truth, const std::uint8_t* prediction, std::size_t height, std::size_t width,
                    double radius, int ignore, std::size_t classes, std::int64_t* counts);

}  // namespace pixelwise
