#include "crf/pairwise_term.hpp"

#include <algorithm>
#include <cmath>

#include "common/threads.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

}  // namespace

PairwiseTerm::PairwiseTerm(const Pairwise& pairwise, const Tiles& tiles, int width, const Routines& routines, int threads,
                           Index most_vertices)
    : lattice_(pairwise.dimensions, pairwise.features, tiles, routines, threads, most_vertices), width_(width) {}

void PairwiseTerm::prepare(const Pairwise& pairwise, const std::vector<std::int32_t>& order, const Tiles& tiles, bool runs,
                           int classes, int threads) {
    runs_ = runs;
    lattice_.arrange(order, tiles, threads);
    scale_weights(pairwise, tiles.pixels(), threads);
    lattice_.space_rows(width_);
    values.resize(size(floats()));
    for (int t = 0; t < threads; ++t) sums.emplace_back(t == 0 ? size(floats()) : lattice_.called(t).size() * size(width_));
    if (pairwise.label.empty()) return;
    matrix.resize(size(width_) * size(width_));
    std::fill_n(matrix.data(), matrix.size(), 0.0f);
    for (int row = 0; row < classes; ++row)
        for (int column = 0; column < classes; ++column)
            matrix[size(column * width_ + row)] = pairwise.label[size(row * classes + column)];
}

// Folds normalisation, gain, the term's weight and the change to base 2 into the barycentric weights.
void PairwiseTerm::scale_weights(const Pairwise& pairwise, Index pixels, int threads) {
    const Index corners = lattice_.corners();
    const Normalization kind = pairwise.normalization;
    const float weight = pairwise.label.empty() ? pairwise.weight : 1.0f;
    const float factor = std::sqrt(lattice_.gain() * weight * log2_e), gain = lattice_.gain();
    Buffer<float> ones(kind == Normalization::none ? 0 : size(pixels));
    if (kind != Normalization::none) lattice_.filter_ones(ones.data());
    const bool before = kind == Normalization::before, differ = before || kind == Normalization::after;
    if (differ) splat_weight_.resize(size(pixels * corners));
    float* const weights = lattice_.weight();
    run_team(threads, [&](const Member& member) {
        const auto range = member.share(pixels);
        for (Index i = range.begin; i < range.end; ++i) {
            float scale = factor;
            if (kind != Normalization::none) {
                const float sum = ones[size(i)] * gain + 1e-20f;
                scale /= kind == Normalization::symmetric ? std::sqrt(sum) : sum;
            }
            for (Index k = i * corners; k < (i + 1) * corners; ++k) {
                const float share = weights[k];
                if (differ) splat_weight_[size(k)] = share * (before ? scale : factor);
                weights[k] = share * (before ? factor : scale);
            }
        }
    });
}

void PairwiseTerm::merge(const Member& member, int thread, const Routines& routines) {
    const std::vector<std::int32_t>& called = lattice_.called(thread);
    const auto range = member.share(static_cast<Index>(called.size()));
    for (Index begin = range.begin, end; begin < range.end; begin = end) {
        // Vertices that this thread found first are adjacent in both orders.
        for (end = begin + 1; end < range.end && called[size(end)] == called[size(end - 1)] + 1;) ++end;
        routines.move_add(sums[0].data() + Index{called[size(begin)]} * width_, sums[size(thread)].data() + begin * width_,
                         (end - begin) * width_);
    }
}

SweepView PairwiseTerm::to_slice(Buffer<float>& from) const {
    return {lattice_.corners(), lattice_.simplex(), lattice_.row(), lattice_.weight(), rows(from), runs_};
}

SweepView PairwiseTerm::to_splat(Buffer<float>& onto) const {
    const float* const weight = splat_weight_.size() > 0 ? splat_weight_.data() : lattice_.weight();
    return {lattice_.corners(), lattice_.simplex(), lattice_.own_row(), weight, rows(onto), runs_};
}

}  // namespace pixelwise
