#include "pairwise_term.hpp"

#include <algorithm>
#include <cmath>

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

}  // namespace

PairwiseTerm::PairwiseTerm(const Pairwise& pairwise, const Tiles& tiles, int width, const Kernels& kernels, int threads)
    : lattice_(pairwise.dimensions, pairwise.features, tiles, kernels, threads), width_(width) {}

void PairwiseTerm::prepare(const Pairwise& pairwise, const std::vector<std::int32_t>& order, const Tiles& tiles, bool runs,
                           int classes, int threads) {
    runs_ = runs;
    lattice_.arrange(order, tiles);
    scale_weights(pairwise, tiles.pixels());
    lattice_.space_rows(width_);
    values.resize(size(floats()));
    for (int t = 0; t < threads; ++t) {
        sums.emplace_back(size(floats()));
        if (t > 0) std::fill_n(sums.back().data(), floats(), 0.0f);
    }
    if (pairwise.label.empty()) return;
    matrix.resize(size(width_) * size(width_));
    std::fill_n(matrix.data(), matrix.size(), 0.0f);
    for (int row = 0; row < classes; ++row)
        for (int column = 0; column < classes; ++column)
            matrix[size(column * width_ + row)] = pairwise.label[size(row * classes + column)];
}

// Folds normalisation, gain, the term's weight and the change to base 2 into the barycentric weights.
void PairwiseTerm::scale_weights(const Pairwise& pairwise, Index pixels) {
    const Index corners = lattice_.corners();
    const float weight = pairwise.label.empty() ? pairwise.weight : 1.0f;
    const float factor = std::sqrt(lattice_.gain() * weight * log2_e);
    Buffer<float> scale(size(pixels));
    if (pairwise.normalization == Normalization::none) {
        std::fill_n(scale.data(), pixels, factor);
    } else {
        lattice_.filter_ones(scale.data());
        const bool root = pairwise.normalization == Normalization::symmetric;
        const float gain = lattice_.gain();
        for (Index i = 0; i < pixels; ++i) {
            const float sum = scale[size(i)] * gain + 1e-20f;
            scale[size(i)] = factor / (root ? std::sqrt(sum) : sum);
        }
    }
    const bool differ =
        pairwise.normalization == Normalization::before || pairwise.normalization == Normalization::after;
    if (differ) splat_weight_.resize(size(pixels * corners));
    float* const weights = lattice_.weight();
    const bool before = pairwise.normalization == Normalization::before;
    for (Index i = 0; i < pixels; ++i)
        for (Index k = i * corners; k < (i + 1) * corners; ++k) {
            const float share = weights[k];
            if (differ) splat_weight_[size(k)] = share * (before ? scale[size(i)] : factor);
            weights[k] = share * (differ && before ? factor : scale[size(i)]);
        }
}

SweepView PairwiseTerm::to_slice(Buffer<float>& from) const {
    return {lattice_.corners(), lattice_.simplex(), lattice_.row(), lattice_.weight(), rows(from), runs_};
}

SweepView PairwiseTerm::to_splat(Buffer<float>& onto) const {
    const float* const weight = splat_weight_.size() > 0 ? splat_weight_.data() : lattice_.weight();
    return {lattice_.corners(), lattice_.simplex(), lattice_.row(), weight, rows(onto), runs_};
}

}  // namespace pixelwise
