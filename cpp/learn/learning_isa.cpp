// The loops of training, except for the convolutions of winograd.hpp. Compiled once per instruction set.
#include <math.h>

#include "common/dispatch_isa.hpp"
#include "common/simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

using Index = std::ptrdiff_t;
using Vector = Float<lanes>;

constexpr float log2_of_e = 1.44269504f;
constexpr float far_below = -1e30f;

// Of all lanes, by halves: lane after lane, each step would wait for the one before.
template <class Joined>
PIXELWISE_INLINE float over_lanes(Vector v, Joined joined) {
    float lane[lanes];
    store(lane, v);
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int k = 0; k < half; ++k) lane[k] = joined(lane[k], lane[k + half]);
    return lane[0];
}

PIXELWISE_INLINE float sum_of(Vector v) {
    return over_lanes(v, [](float a, float b) { return a + b; });
}

PIXELWISE_INLINE float largest_of(Vector v) {
    return over_lanes(v, [](float a, float b) { return a > b ? a : b; });
}

// `Vectors` hold the scores of a pixel; 0: as many as it takes.
template <int Vectors>
double cross_entropy_of(const ScoredPixels& pixels, Index count, float scale, float* gradient) {
    const int classes = pixels.classes, vectors = Vectors ? Vectors : (classes + lanes - 1) / lanes;
    const int last = vectors - 1;
    float number[lanes];
    for (int k = 0; k < lanes; ++k) number[k] = static_cast<float>(last * lanes + k);
    const auto inside = load<lanes>(number) < all<lanes>(static_cast<float>(classes));
    double total = 0.0;
    Vector faults = all<lanes>(0.0f);  // 0, or NaN if a score is
    for (Index i = 0; i < count; ++i) {
        const float* row = pixels.scores + i * classes;
        float* to = gradient ? gradient + i * classes : nullptr;
        if (pixels.labels[i] >= classes) {
            for (int c = 0; to && c < classes; ++c) to[c] = 0.0f;
            continue;
        }
        float rest[most_classes + lanes], rest_of_gradient[most_classes + lanes];
        const bool at_end = (count - i) * classes < vectors * lanes;  // vectors would reach beyond the end
        if (at_end) {
            for (int c = 0; c < vectors * lanes; ++c) rest[c] = c < classes ? row[c] : 0.0f;
            row = rest;
        }
        Vector x[Vectors ? Vectors : most_classes / lanes];
        for (int v = 0; v < vectors; ++v) x[v] = load<lanes>(row + v * lanes);
        x[last] = from_bits((bits(x[last]) & inside) | (bits(all<lanes>(far_below)) & ~inside));
        Vector highest = x[0];
        for (int v = 1; v < vectors; ++v) highest = larger(highest, x[v]);
        for (int v = 0; v < vectors; ++v) faults = faults + (x[v] - x[v]);
        const float best = largest_of(highest);
        Vector sums = all<lanes>(0.0f);
        for (int v = 0; v < vectors; ++v) {
            x[v] = exp2((x[v] - best) * log2_of_e);
            sums = sums + x[v];
        }
        const int label = pixels.labels[i];
        const float sum = sum_of(sums), weight = pixels.weights[label];
        total += static_cast<double>(weight * (logf(sum) + (best - row[label])));
        if (to) {
            float* const place = at_end ? rest_of_gradient : to;
            for (int v = 0; v < vectors; ++v) store(place + v * lanes, x[v] * (scale * weight / sum));
            for (int c = 0; at_end && c < classes; ++c) to[c] = rest_of_gradient[c];
            to[label] -= scale * weight;
        }
    }
    return total + static_cast<double>(sum_of(faults));
}

double cross_entropy(const ScoredPixels& pixels, Index count, float scale, float* gradient) {
    switch ((pixels.classes + lanes - 1) / lanes) {
        case 1: return cross_entropy_of<1>(pixels, count, scale, gradient);
        case 2: return cross_entropy_of<2>(pixels, count, scale, gradient);
        case 3: return cross_entropy_of<3>(pixels, count, scale, gradient);
        default: return cross_entropy_of<0>(pixels, count, scale, gradient);
    }
}

// One row of results and one row of taps.
template <int Taps>
PIXELWISE_INLINE void correlate_rows(const DepthwiseLayer& layer, const float* in, Index width, const float* gradient,
                                     Index out_width, float* sums) {
    constexpr int pair = depthwise_step / lanes;
    Vector total[Taps][pair];
    for (int t = 0; t < Taps; ++t)
        for (int v = 0; v < pair; ++v) total[t][v] = load<lanes>(sums + t * depthwise_step + v * lanes);
    const Index reach = (Taps - 1) * layer.dilation;
    for (Index x = 0; x < out_width; ++x) {
        const Index first = x * layer.stride - layer.padding;
        Vector g[pair];
        for (int v = 0; v < pair; ++v) g[v] = load<lanes>(gradient + x * layer.channels + v * lanes);
        if (first >= 0 && first + reach < width) {
            for (int t = 0; t < Taps; ++t)
                for (int v = 0; v < pair; ++v)
                    total[t][v] = total[t][v] +
                                  g[v] * load<lanes>(in + (first + t * layer.dilation) * layer.channels + v * lanes);
        } else {
            for (int t = 0; t < Taps; ++t) {
                const Index column = first + t * layer.dilation;
                if (column < 0 || column >= width) continue;
                for (int v = 0; v < pair; ++v)
                    total[t][v] = total[t][v] + g[v] * load<lanes>(in + column * layer.channels + v * lanes);
            }
        }
    }
    for (int t = 0; t < Taps; ++t)
        for (int v = 0; v < pair; ++v) store(sums + t * depthwise_step + v * lanes, total[t][v]);
}

// Row by row, all channels of a row in turn, in memory order; sums: (channels / step, taps, step).
template <int Taps>
void correlate_channels(const DepthwiseLayer& layer, const DepthwiseMaps& maps, Index begin, Index end, float* sums) {
    constexpr Index size = Taps * Taps * depthwise_step;
    for (Index i = 0; i < (end - begin) / depthwise_step * size; ++i) sums[i] = 0.0f;
    for (Index n = 0; n < maps.count; ++n)
        for (Index y = 0; y < maps.out_height; ++y)
            for (Index channel = begin; channel < end; channel += depthwise_step)
                for (int t = 0; t < Taps; ++t) {
                    const Index row = y * layer.stride - layer.padding + t * layer.dilation;
                    if (row < 0 || row >= maps.height) continue;
                    const float* const in = maps.in + (n * maps.height + row) * maps.width * layer.channels + channel;
                    const float* const gradient =
                        maps.gradient + (n * maps.out_height + y) * maps.out_width * layer.channels + channel;
                    correlate_rows<Taps>(layer, in, maps.width, gradient, maps.out_width,
                                         sums + (channel - begin) / depthwise_step * size + t * Taps * depthwise_step);
                }
}

void correlate_depthwise(const DepthwiseLayer& layer, const DepthwiseMaps& maps, Index begin, Index end, float* sums) {
    layer.filter_size == 3 ? correlate_channels<3>(layer, maps, begin, end, sums)
                      : correlate_channels<5>(layer, maps, begin, end, sums);
}

}  // namespace

extern const LearningRoutines learning_routines;
const LearningRoutines learning_routines = {
    .cross_entropy = &cross_entropy,
    .correlate_depthwise = &correlate_depthwise,
};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
