// Confusion matrix of two label maps. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pixelwise {

// Adds to `matrix` (classes x classes, row = truth, column = prediction) one count per pixel whose truth is
// not `ignore`. Returns `pixels`, or the index of the first pixel with an id outside [0, classes); then the content of
// `matrix` is invalid.
std::size_t count_confusion(const std::uint8_t* truth, const std::uint8_t* prediction, std::size_t pixels,
                            std::size_t classes, int ignore, std::int64_t* matrix);

}  // namespace pixelwise
