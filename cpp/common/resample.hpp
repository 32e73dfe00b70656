// Labels and probabilities at the image's size from class scores on a small grid. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pixelwise {

struct Grid {
    std::size_t height, width;
};

// Scores are (classes, from.height, from.width), C order. They are interpolated bilinearly to `to` with half-pixel
// centres (cell i of n covers [i/n, (i+1)/n) of the picture) and clamped at the border.

// labels: (to.height, to.width), the class with the largest interpolated score, the lowest id on ties.
// pixels, confidence: (classes), for each class the number of its pixels and the sum of their softmax probabilities.
void label_pixels(const float* scores, std::size_t classes, Grid from, Grid to, std::uint8_t* labels,
                  std::int64_t* pixels, double* confidence);

// confidence: (to.height, to.width), the softmax probability of the class with the largest interpolated score.
void pixel_confidence(const float* scores, std::size_t classes, Grid from, Grid to, float* confidence);

// probabilities: (classes, to.height, to.width), the softmax of the interpolated scores.
void pixel_probabilities(const float* scores, std::size_t classes, Grid from, Grid to, float* probabilities);

}  // namespace pixelwise
