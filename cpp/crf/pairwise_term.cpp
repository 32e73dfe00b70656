#include "crf/pairwise_term.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "common/threads.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

// Of a weight, which splat and slice share. That of 0 stays so small that messages vanish, and can be raised again.
float root(float weight) { return std::sqrt(std::max(weight, 1e-30f)); }

}  // namespace

int threads_worth(int wanted, Index pixels) {
    return static_cast<int>(std::clamp<Index>(pixels / 4096, 1, std::max(wanted, 1)));
}

PairwiseTerm::PairwiseTerm(const Lattice& lattice, const Pairwise& pairwise, const std::vector<std::int32_t>& order,
                           const Tiles& tiles, int classes, int width)
    : corners_(lattice.corners()), vertices_(lattice.vertices()), width_(width),
      runs_(&order == &lattice.order()),
      normalized_(pairwise.normalization == Normalization::after || pairwise.normalization == Normalization::symmetric),
      unit_(pairwise.label.empty() ? pairwise.weight : 1.0f) {
    if (vertices_ > INT32_MAX / (width_ / 2))
        throw std::invalid_argument("the lattice would need more than 16 GB: it has " + std::to_string(vertices_) +
                                    " vertices, for " + std::to_string(classes) +
                                    " labels; use larger kernel widths, fewer labels or a smaller picture");
    take_pixels(lattice, pairwise, order, tiles);
    take_vertices(lattice);
    values.resize(size(floats()));
    for (const auto& called : called_) sums.emplace_back(sums.empty() ? size(floats()) : called.size() * size(width_));
    if (pairwise.label.empty()) return;
    matrix.resize(size(width_) * size(width_));
    std::fill_n(matrix.data(), matrix.size(), 0.0f);
    for (int row = 0; row < classes; ++row)
        for (int column = 0; column < classes; ++column)
            matrix[size(column * width_ + row)] = pairwise.label[size(row * classes + column)];
}

// The pixels in this order. Folds normalisation, gain, the term's weight and the change to base 2 into the barycentric
// weights.
void PairwiseTerm::take_pixels(const Lattice& lattice, const Pairwise& pairwise, const std::vector<std::int32_t>& order,
                               const Tiles& tiles) {
    const Normalization kind = pairwise.normalization;
    const float factor = std::sqrt(lattice.gain() * log2_e) * root(unit_), gain = lattice.gain();
    const bool before = kind == Normalization::before, differ = before || kind == Normalization::after;
    simplex_.resize(size(tiles.pixels()));
    weight_.resize(size(tiles.pixels() * corners_));
    if (differ) splat_weight_.resize(weight_.size());
    run_team(lattice.parts(), [&](const Member& member) {
        std::vector<Index> position(Tiles::most_pixels);  // in the lattice's order, by place in the tile
        std::vector<float> scale(Tiles::most_pixels);
        const auto range = member.share(static_cast<Index>(tiles.list().size()));
        for (Index t = range.begin; t < range.end; ++t) {
            member.go_on();
            const Tiles::Tile& tile = tiles.list()[size(t)];
            const Index end = tile.first + tile.pixels();
            for (Index i = tile.first; !runs_ && i < end; ++i) position[size(lattice.order()[size(i)] - tile.first)] = i;
            const auto source = [&](Index i) { return runs_ ? i : position[size(order[size(i)] - tile.first)]; };
            for (Index i = tile.first; i < end; ++i) {
                const Index from = source(i);
                simplex_[size(i)] = lattice.simplex()[from];
                scale[size(i - tile.first)] = lattice.ones()[from] * gain + 1e-20f;
            }
            const auto each = [&](const auto& work) {
                std::transform(scale.begin(), scale.begin() + tile.pixels(), scale.begin(), work);
            };
            if (kind == Normalization::none)
                each([factor](float) { return factor; });
            else if (kind == Normalization::symmetric)
                each([factor](float sum) { return factor / std::sqrt(sum); });
            else
                each([factor](float sum) { return factor / sum; });
            with_corners(corners_, [&](auto known) {
                const Index n = known ? known : corners_;
                for (Index i = tile.first; i < end; ++i) {
                    const float* const share = lattice.weight() + source(i) * n;
                    const float scaled = scale[size(i - tile.first)];
                    for (Index k = 0; k < n; ++k) weight_[size(i * n + k)] = share[k] * (before ? factor : scaled);
                    if (!differ) continue;
                    for (Index k = 0; k < n; ++k) splat_weight_[size(i * n + k)] = share[k] * (before ? scaled : factor);
                }
            });
        }
    });
}

void PairwiseTerm::take_vertices(const Lattice& lattice) {
    const std::int32_t step = width_ / 2;
    for (int p = 0; p < lattice.parts(); ++p) called_.push_back(lattice.called(p));
    row_ = lattice.vertex();
    own_row_ = lattice.own_vertex();
    for (int j = 0; j < corners_; ++j) chains_.push_back(lattice.chain(j));
    for (std::int32_t& row : row_) row *= step;
    for (std::int32_t& row : own_row_) row *= step;
    for (std::vector<Link>& chain : chains_)
        for (Link& link : chain) link.row *= step;
}

void PairwiseTerm::set_weight(float weight) {
    const float ratio = root(weight) / root(unit_);
    run_team(parts(), [&](const Member& member) {
        for (Buffer<float>* shares : {&weight_, &splat_weight_}) {
            const auto range = member.share(static_cast<Index>(shares->size()));
            for (Index i = range.begin; i < range.end; ++i) (*shares)[size(i)] *= ratio;
        }
    });
    unit_ = weight;
}

void PairwiseTerm::set_width(int width) {
    const double ratio = static_cast<double>(width) / width_;  // division of integers is slow
    const auto move = [ratio](std::int32_t& row) { row = static_cast<std::int32_t>(row * ratio + 0.5); };
    std::for_each(row_.begin(), row_.end(), move);
    std::for_each(own_row_.begin(), own_row_.end(), move);
    for (std::vector<Link>& chain : chains_)
        for (Link& link : chain) move(link.row);
    width_ = width;
}

void PairwiseTerm::merge(const Member& member, int thread, const Routines& routines) {
    const std::vector<std::int32_t>& called = called_[size(thread)];
    const auto range = member.share(static_cast<Index>(called.size()));
    for (Index begin = range.begin, end; begin < range.end; begin = end) {
        // Vertices that this thread found first are adjacent in both orders.
        for (end = begin + 1; end < range.end && called[size(end)] == called[size(end - 1)] + 1;) ++end;
        routines.move_add(sums[0].data() + Index{called[size(begin)]} * width_, sums[size(thread)].data() + begin * width_,
                         (end - begin) * width_);
    }
}

SweepView PairwiseTerm::to_slice(Buffer<float>& from) const {
    return {corners_, simplex_.data(), row_.data(), weight_.data(), rows(from), runs_};
}

SweepView PairwiseTerm::to_splat(Buffer<float>& onto) const {
    return {corners_, simplex_.data(), own_row_.empty() ? row_.data() : own_row_.data(),
            splat_weight_.size() > 0 ? splat_weight_.data() : weight_.data(), rows(onto), runs_};
}

}  // namespace pixelwise
