// The loss, and the gradient of depthwise convolutions' weights, for training. No Python here.
#pragma once

#include "common/dispatch.hpp"

namespace pixelwise {

// The sum over pixels of weight[label] * -log softmax(scores)[label], in nats; labels of `ignored` do not count. `gradient`
// (pixels, classes), unless null: that of `scale` times the sum, with respect to the scores. Throws std::invalid_argument,
// naming the id, if another label is not a class.
constexpr int ignored = 255;
double cross_entropy(const Routines& routines, const ScoredPixels& pixels, std::ptrdiff_t count, float scale, float* gradient,
                     int threads);

// out: (channels, filter_size, filter_size).
void correlate_depthwise(const Routines& routines, const DepthwiseLayer& layer, const DepthwiseMaps& maps, float* out,
                         int threads);

}  // namespace pixelwise
