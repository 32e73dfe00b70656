// Labels whose beliefs are tiny everywhere are merged: from then on they take part in the iterations as one label, the rest.
//
// In a Potts model the message of a label to itself is at least 0, and at most about W times its largest belief, W being the
// sum of the weights of normalised kernels. (Symmetric ones reached 1.3 times that in pictures and noise.) The rest has the
// beliefs of its labels together, and so at least their messages. Let R be its largest belief. A message of the rest then is at
// most about W R, and an iteration without merging would have given the labels of the rest between exp(-W R) and 1 times what
// it has. So merging changes no belief by more than about W R^2 in an iteration, even if the rest has the belief R everywhere.
// In pictures it has it in a few small patches, so that its messages are a small part of W R. `limit` keeps the bound below
// `largest_error`. If R exceeds the limit later on, all iterations are computed again without merging.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "common/threads.hpp"
#include "crf/mean_field.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

constexpr float largest_error = 3e-4f;
constexpr float largest_limit = 0.01f;
constexpr float impossible = -1e30f;
constexpr int first_review = 2, last_review = 3;  // in iterations; until then beliefs change much

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

int padded(std::size_t labels) { return static_cast<int>((labels + 7) / 8 * 8); }

}  // namespace

// Of the beliefs of one iteration, the largest of each column.
std::vector<float> MeanField::largest_beliefs() const {
    std::vector<float> largest(size(width_), 0.0f);
    for (const Scratch& scratch : scratch_)
        for (std::size_t c = 0; c < largest.size(); ++c) largest[c] = std::max(largest[c], scratch.largest[c]);
    return largest;
}

// What the beliefs of merged labels may reach together; 0 if labels must not be merged.
float MeanField::limit() const {
    float weight = 0.0f;
    for (const PairwiseTerm& term : terms_) {
        if (term.has_matrix() || !term.is_normalized()) return 0.0f;
        weight += term.weight();
    }
    return std::min(largest_limit, std::sqrt(largest_error / std::max(weight, 1e-10f)));
}

bool MeanField::rest_too_large() const { return !kept_.empty() && largest_beliefs()[kept_.size()] > limit(); }

// Decides about merging by the beliefs that the last iteration began with.
void MeanField::review() {
    if (!may_merge_ || !observed_) return;
    if (rest_too_large()) {
        part();
        return;
    }
    if (steps_ < first_review || steps_ > last_review) return;
    const std::vector<float> largest = largest_beliefs();
    std::vector<int> columns(size(labels_apart()));
    std::iota(columns.begin(), columns.end(), 0);
    std::stable_sort(columns.begin(), columns.end(), [&](int one, int other) { return largest[size(one)] < largest[size(other)]; });
    float together = kept_.empty() ? 0.0f : largest[kept_.size()];
    std::vector<int> kept;
    for (const int column : columns) {
        together += largest[size(column)];
        if (together > limit()) kept.push_back(kept_.empty() ? column : kept_[size(column)]);
    }
    // One of them stays, since beliefs add up to 1; a narrower row is the only gain.
    if (padded(kept.size() + 1) >= width_) return;
    std::sort(kept.begin(), kept.end());
    merge(std::move(kept));
}

// Goes on with these labels and the rest, which may have been merged before.
void MeanField::merge(std::vector<int> kept) {
    const int width = padded(kept.size() + 1);
    std::vector<int> column_of(size(classes_), static_cast<int>(kept.size()));
    std::vector<float> chosen(size(all_width_), 0.0f);
    std::fill_n(chosen.begin(), classes_, 1.0f);
    for (std::size_t j = 0; j < kept.size(); ++j) {
        column_of[size(kept[j])] = static_cast<int>(j);
        chosen[size(kept[j])] = 0.0f;
    }
    std::vector<int> alone(kept.size()), together;  // the present columns of those that are kept, and of the rest
    for (int c = 0; c < labels_apart(); ++c) {
        const std::size_t column = size(column_of[size(kept_.empty() ? c : kept_[size(c)])]);
        (column < kept.size() ? alone[column] : together.emplace_back()) = c;
    }
    if (!kept_.empty()) together.push_back(labels_apart());

    Buffer<float> few(size(shape_.pixels() * width));
    run_team(threads_, [&](const Member& member) {
        for_tiles(member, [&](const Tiles::Tile& tile, Scratch& scratch) {
            const float* all = unary_.data() + tile.first * all_width_;
            float* row = few.data() + tile.first * width;
            float* const rest = scratch.planes.plane(0);
            routines_.powers_of(all, tile.pixels(), all_width_, chosen.data(), scratch.beliefs.data(), rest);
            for (int i = 0; i < tile.pixels(); ++i, all += all_width_, row += width) {
                std::fill_n(row, width, impossible);
                for (std::size_t j = 0; j < kept.size(); ++j) row[j] = all[kept[j]];
                row[kept.size()] = std::log2(rest[i]);
            }
        });
    });
    // Filters are linear: the rest's message is the sum of its labels'.
    run_team(threads_, [&](const Member& member) {
        for (PairwiseTerm& term : terms_) {
            const auto range = member.share(term.vertices());
            for (Index v = range.begin; v < range.end; ++v) {
                const float* const from = term.values.data() + v * width_;
                float* const row = term.sums[0].data() + v * width;
                float rest = 0.0f;
                for (const int c : together) rest += from[c];
                std::fill_n(row, width, 0.0f);
                for (std::size_t j = 0; j < kept.size(); ++j) row[j] = from[alone[j]];
                row[kept.size()] = rest;
            }
        }
    });
    for (PairwiseTerm& term : terms_) term.set_width(width);
    accept_messages();
    few_ = std::move(few);
    kept_ = std::move(kept);
    chosen_ = std::move(chosen);
    width_ = width;
    observed_ = false;
}

// Drops all messages, to compute as many iterations as `wanted` when they are needed.
void MeanField::begin_again(int wanted, bool may_merge) {
    if (width_ != all_width_)
        for (PairwiseTerm& term : terms_) term.set_width(all_width_);
    width_ = all_width_;
    kept_.clear();
    messages_.clear();
    steps_ = 0;
    wanted_ = wanted;
    comparable_ = false;
    may_merge_ = may_merge && limit() > 0.0f;
}

// Makes all labels take part.
void MeanField::part() {
    if (!kept_.empty()) begin_again(wanted_, false);
    catch_up();
}

void MeanField::catch_up() {
    while (steps_ < wanted_) advance(false);
}

void MeanField::set_weight(std::size_t term, float weight) {
    terms_[term].set_weight(weight);
    begin_again(0, merge_labels_);
}

}  // namespace pixelwise
