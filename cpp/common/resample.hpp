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
// stride: scores that `enlarge` enlarges by it to `whole` first, a few rows at a time; 1: `whole` is `from`.
void label_pixels(const float* scores, std::size_t classes, Grid from, std::size_t stride, Grid whole, Grid to,
                  std::uint8_t* labels, std::int64_t* pixels, double* confidence, int threads = 1);

// confidence: (to.height, to.width), the softmax probability of the class with the largest interpolated score.
void pixel_confidence(const float* scores, std::size_t classes, Grid from, Grid to, float* confidence);

// probabilities: (classes, to.height, to.width), the softmax of the interpolated scores.
void pixel_probabilities(const float* scores, std::size_t classes, Grid from, Grid to, float* probabilities);

// The cells of a part of `size` in a grid `whole`.
struct Part {
    std::size_t top, left;
    Grid size, whole;
};

// total: (classes, whole.height, whole.width), to which the softmax of the scores, interpolated to the part, is added,
// times of_rows (size.height) and of_columns (size.width).
void add_probabilities(const float* scores, std::size_t classes, Grid from, const Part& part, const float* of_rows,
                       const float* of_columns, float* total);

// Whether none of the numbers is NaN or infinite.
bool all_finite(const float* numbers, std::size_t count);

// out: (classes, to.height, to.width), the scores interpolated bilinearly so that cell (i, j) is pixel (i, j) * stride,
// and clamped beyond the last cell.
void enlarge(const float* scores, std::size_t classes, Grid from, std::size_t stride, Grid to, float* out);

}  // namespace pixelwise
