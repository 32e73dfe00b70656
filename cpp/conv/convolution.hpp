// A convolution of stride 1 with fixed weights, for inference. Images with few channels (colours) are convolved directly,
// others as in winograd.hpp. No Python here.
#pragma once

#include <cstddef>

#include "common/buffer.hpp"
#include "common/dispatch.hpp"
#include "conv/winograd.hpp"

namespace pixelwise {

constexpr int few_channels = 8;  // the number of inputs is at most this, or a multiple of channel_step

class Convolution {
  public:
    // weights: (outputs, inputs, filter_size, filter_size); they and the bias (outputs) are copied. filter_size: 3 to 7.
    // pooled: 2 x 2 max pooling of stride 2, rounded up at the border, follows; only for dilation 1 and filters of 3, 5, 7.
    // Few inputs allow neither pooling nor dilation.
    Convolution(const Routines& routines, const float* weights, const float* bias, int outputs, int inputs, int filter_size,
                int padding, int dilation, bool rectified, bool pooled, int threads);

    std::ptrdiff_t outputs() const { return layer_.outputs; }
    std::ptrdiff_t inputs() const { return layer_.inputs; }
    // The number of output rows (or columns) for `size`; not positive if the filter is larger than the padded image.
    std::ptrdiff_t length(std::ptrdiff_t in) const;

    // in: (count, height, width, inputs), out: (count, length(height), length(width), outputs).
    void run(const float* in, const ImageSizes& sizes, float* out, int threads) const;

  private:
    bool few() const { return layer_.inputs <= few_channels; }
    void run_rows(const float* in, const ImageSizes& sizes, float* out, int threads) const;

    const ConvolutionRoutines& routines_;
    ConvolutionLayer layer_;
    bool rectified_, pooled_;
    Buffer<float> bias_;
    Buffer<float> weights_;  // points, see winograd.hpp; few: (outputs / columns, taps, columns)
};

}  // namespace pixelwise
