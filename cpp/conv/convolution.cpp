#include "conv/convolution.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/threads.hpp"

namespace pixelwise {

Convolution::Convolution(const Routines& routines, const float* weights, const float* bias, int outputs, int inputs,
                         int filter_size, int padding, int dilation, bool rectified, bool pooled, int threads)
    : routines_(*routines.convolution),
      layer_{outputs, inputs, filter_size, padding, dilation},
      rectified_(rectified),
      pooled_(pooled),
      bias_(static_cast<std::size_t>(outputs)) {
    std::copy(bias, bias + outputs, bias_.data());
    if (!few()) {
        weigh_filters(routines_, layer_, usual_side, weights, false, weights_, threads);
        return;
    }
    const std::ptrdiff_t columns = routines_.columns, taps = std::ptrdiff_t{filter_size} * filter_size;
    weights_.resize(static_cast<std::size_t>(layer_.outputs * layer_.inputs * taps));
    for (std::ptrdiff_t o = 0; o < outputs; ++o)
        for (std::ptrdiff_t c = 0; c < inputs; ++c)
            for (std::ptrdiff_t t = 0; t < taps; ++t) {
                const std::ptrdiff_t place = (t % filter_size * filter_size + t / filter_size) * inputs + c;  // in the order of run_rows
                weights_[static_cast<std::size_t>((o / columns * taps * inputs + place) * columns + o % columns)] =
                    weights[(o * inputs + c) * taps + t];
            }
}

std::ptrdiff_t Convolution::length(std::ptrdiff_t in) const {
    return pooled_ ? (layer_.length(in) + 1) / 2 : layer_.length(in);
}

void Convolution::run(const float* in, const ImageSizes& sizes, float* out, int threads) const {
    if (few()) return run_rows(in, sizes, out, threads);
    const Finish finish = {bias_.data(), rectified_, pooled_};
    convolve(routines_, layer_, usual_side, weights_.data(), finish, in, sizes, out, threads);
}

// Computes each row of results from a strip of its input rows, stored column by column: the taps of one result are then
// neighbours, and those of the next result start a column later.
void Convolution::run_rows(const float* in, const ImageSizes& sizes, float* out, int threads) const {
    using Index = std::ptrdiff_t;
    const Index inputs = layer_.inputs, outputs = layer_.outputs, filter_size = layer_.filter_size, padding = layer_.padding;
    const Index out_height = layer_.length(sizes.height), out_width = layer_.length(sizes.width);
    const Index rows = routines_.rows, columns = routines_.columns, filled = (out_width + rows - 1) / rows * rows;
    const Index column = filter_size * inputs, depth = filter_size * column;
    const float least = rectified_ ? 0.0f : -std::numeric_limits<float>::infinity();
    std::vector<Buffer<float>> buffers;
    for (int i = 0; i < threads; ++i)
        buffers.emplace_back(static_cast<std::size_t>((filled + filter_size) * column + filled * outputs));
    run_team(threads, [&](Member& member) {
        float* const strip = buffers[static_cast<std::size_t>(member.index)].data();
        float* const sums = strip + (filled + filter_size) * column;
        std::fill(strip, sums, 0.0f);
        const auto mine = member.share(sizes.count * out_height);
        for (Index y = mine.begin; y < mine.end; ++y) {
            const float* const image = in + y / out_height * sizes.height * sizes.width * inputs;
            for (Index i = 0; i < filter_size; ++i) {
                const Index row = y % out_height - padding + i;
                const bool inside = row >= 0 && row < sizes.height;
                for (Index x = 0; x < sizes.width; ++x)
                    for (Index c = 0; c < inputs; ++c)
                        strip[(x + padding) * column + i * inputs + c] =
                            inside ? image[(row * sizes.width + x) * inputs + c] : 0.0f;
            }
            for (Index first = 0; first < outputs; first += columns)
                routines_.multiply(filled, depth, strip, column, weights_.data() + first * depth, sums + first, outputs);
            float* const to = out + y * out_width * outputs;
            for (Index x = 0; x < out_width; ++x)
                for (Index o = 0; o < outputs; ++o) {
                    const float value = sums[x * outputs + o] + bias_[static_cast<std::size_t>(o)];
                    to[x * outputs + o] = value < least ? least : value;
                }
        }
    });
}

}  // namespace pixelwise
