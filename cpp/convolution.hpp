// Convolutions of stride 1 by Winograd's minimal filtering: the image is cut into tiles of 8 x 8 that overlap by the
// kernel's size less one, and a tile's (9 - k)^2 results come from 64 products per pair of channels instead of
// (9 - k)^2 k^2. Source: Lavin and Gray 2015, "Fast algorithms for convolutional neural networks"; the points of
// interpolation are 0, +-1, +-2, +-1/2 and infinity. Images of few channels (colours) are convolved as the definition
// says. No Python here.
#pragma once

#include <cstddef>

#include "buffer.hpp"
#include "kernels.hpp"

namespace pixelwise {

constexpr int channel_step = 32;  // channel counts are multiples, two vectors of the widest set
constexpr int few_channels = 8;   // or at most so many inputs

class Convolution {
  public:
    // weights: (outputs, inputs, kernel, kernel); they and the bias (outputs) are copied. kernel: 3 to 7.
    // pooled: 2 x 2 max pooling of stride 2, rounded up at the border, follows; only for dilation 1 and kernels 3, 5, 7, and
    // not for few inputs, nor is dilation.
    Convolution(const Kernels& kernels, const float* weights, const float* bias, int outputs, int inputs, int kernel,
                int padding, int dilation, bool rectified, bool pooled, int threads);

    std::ptrdiff_t outputs() const { return outputs_; }
    std::ptrdiff_t inputs() const { return inputs_; }
    // How many rows (or columns) come out of so many; not positive if the kernel is larger than the padded image.
    std::ptrdiff_t length(std::ptrdiff_t in) const;

    // in: (height, width, inputs), out: (length(height), length(width), outputs).
    void run(const float* in, std::ptrdiff_t height, std::ptrdiff_t width, float* out, int threads) const;

  private:
    std::ptrdiff_t full_length(std::ptrdiff_t in) const;
    bool few() const { return inputs_ <= few_channels; }
    void transform(const float* weights, int threads);
    void run_tiles(const float* in, std::ptrdiff_t height, std::ptrdiff_t width, float* out, int threads) const;
    void run_rows(const float* in, std::ptrdiff_t height, std::ptrdiff_t width, float* out, int threads) const;

    const ConvolutionKernels& kernels_;
    std::ptrdiff_t outputs_, inputs_;
    int kernel_, padding_, dilation_;
    bool rectified_, pooled_;
    Buffer<float> bias_;
    Buffer<float> weights_;  // (64, outputs / columns, inputs, columns); few: (outputs / columns, taps, columns)
};

}  // namespace pixelwise
