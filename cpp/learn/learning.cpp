#include "learn/learning.hpp"

#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/threads.hpp"

namespace pixelwise {

double cross_entropy(const Routines& routines, const ScoredPixels& pixels, std::ptrdiff_t count, float scale, float* gradient,
                     int threads) {
    std::vector<double> totals(static_cast<std::size_t>(threads));
    run_team(threads, [&](Member& member) {
        const auto mine = member.share(count);
        for (std::ptrdiff_t i = mine.begin; i < mine.end; ++i)
            if (pixels.labels[i] >= pixels.classes && pixels.labels[i] != ignored)
                throw std::invalid_argument("the label " + std::to_string(pixels.labels[i]) + " is not below " +
                                            std::to_string(pixels.classes) + ", the number of classes");
        const ScoredPixels own = {pixels.scores + mine.begin * pixels.classes, pixels.labels + mine.begin, pixels.weights,
                                  pixels.classes};
        totals[static_cast<std::size_t>(member.index)] =
            routines.learning->cross_entropy(own, mine.end - mine.begin, scale,
                                            gradient ? gradient + mine.begin * pixels.classes : nullptr);
    });
    return std::accumulate(totals.begin(), totals.end(), 0.0);
}

void correlate_depthwise(const Routines& routines, const DepthwiseLayer& layer, const DepthwiseMaps& maps, float* out,
                         int threads) {
    const std::ptrdiff_t taps = std::ptrdiff_t{layer.filter_size} * layer.filter_size, step = depthwise_step;
    std::vector<float> sums(static_cast<std::size_t>(layer.channels * taps));  // (channels / step, taps, step)
    run_team(threads, [&](Member& member) {
        const auto mine = member.share(layer.channels, step);
        routines.learning->correlate_depthwise(layer, maps, mine.begin, mine.end, sums.data() + mine.begin * taps);
        for (std::ptrdiff_t c = mine.begin; c < mine.end; ++c)
            for (std::ptrdiff_t t = 0; t < taps; ++t)
                out[c * taps + t] = sums[static_cast<std::size_t>((c / step * taps + t) * step + c % step)];
    });
}

}  // namespace pixelwise
