// Convolutions of stride 1 by Winograd's minimal filtering, and their gradients: the image is cut into tiles of side x side
// that overlap by the filter's size minus one, and a tile's (side + 1 - k)^2 results come from side^2 products per pair of
// channels instead of (side + 1 - k)^2 k^2. Source: Lavin and Gray 2015, "Fast algorithms for convolutional neural
// networks"; the points of interpolation are 0, +-1, +-2, for tiles of 8 also +-1/2, and infinity. No Python here.
#pragma once

#include <cstddef>

#include "common/buffer.hpp"
#include "common/dispatch.hpp"

namespace pixelwise {

constexpr int channel_step = 32;  // channel counts are multiples, two vectors of the widest set
constexpr int usual_side = 8;     // of tiles; 6 is for filters of size 3 only

struct ConvolutionLayer {
    std::ptrdiff_t outputs, inputs;  // channels
    int filter_size, padding, dilation;

    // The number of output rows (or columns) for `size`; not positive if the filter is larger than the padded image.
    std::ptrdiff_t length(std::ptrdiff_t in) const { return in + 2 * padding - std::ptrdiff_t{dilation} * (filter_size - 1); }
    // The layer that maps the gradient of the results to that of the images.
    ConvolutionLayer transposed() const {
        return {inputs, outputs, filter_size, (filter_size - 1) * dilation - padding, dilation};
    }
};

struct ImageSizes {
    std::ptrdiff_t count, height, width;
};

// The steps after the sums of products: see ConvolutionRoutines::Results.
struct Finish {
    const float* bias;  // (outputs)
    bool rectified, pooled;
};

// The side of tiles that needs the fewest products.
int best_side(const ConvolutionLayer& layer, const ImageSizes& sizes);

// The filters' points, (side * side, outputs / columns, inputs, columns), from weights (outputs, inputs, filter_size, filter_size), or,
// if `flipped`, from (inputs, outputs, filter_size, filter_size) with taps in reverse order.
void weigh_filters(const ConvolutionRoutines& routines, const ConvolutionLayer& layer, int side, const float* weights,
                   bool flipped, Buffer<float>& points, int threads);

// in: (count, height, width, inputs), out: (count, length(height), length(width), outputs), or half as large if pooled.
void convolve(const ConvolutionRoutines& routines, const ConvolutionLayer& layer, int side, const float* points,
              const Finish& finish, const float* in, const ImageSizes& sizes, float* out, int threads);

// gradient: that of the results; out: that of the weights (outputs, inputs, filter_size, filter_size).
void correlate(const ConvolutionRoutines& routines, const ConvolutionLayer& layer, int side, const float* in,
               const ImageSizes& sizes, const float* gradient, float* out, int threads);

}  // namespace pixelwise
