// The beliefs of a mean field, tile by tile, and what callers get of them.
#include <algorithm>
#include <cmath>

#include "crf/mean_field.hpp"

namespace pixelwise {
namespace {

std::size_t size(std::ptrdiff_t count) { return static_cast<std::size_t>(count); }

}  // namespace

const float* MeanField::given(const Strided<const float>& values, const Tiles::Tile& tile, Scratch& scratch) const {
    pixels_->take(tile, values, scratch.planes);
    pixels_->to_rows(tile, scratch.planes, scratch.beliefs.data());
    return scratch.beliefs.data();
}

const float* MeanField::own_beliefs(const Tiles::Tile& tile, Scratch& scratch) const {
    const float* const unary = kept_.empty() ? unary_.data() : few_.data();
    routines_.beliefs(messages_.data(), static_cast<int>(messages_.size()), tile.first, tile.pixels(), width_,
                     unary + tile.first * width_, scratch.beliefs.data());
    return scratch.beliefs.data();
}

void MeanField::observe(const Tiles::Tile& tile, Scratch& scratch, bool watch) {
    const float* const rows = scratch.beliefs.data();
    const std::ptrdiff_t count = tile.pixels() * std::ptrdiff_t{width_};
    if (may_merge_ && (steps_ < 4 || !kept_.empty())) routines_.largest(rows, tile.pixels(), width_, scratch.largest.data());
    if (!watch) return;
    float* const before = before_.data() + tile.first * width_;
    float most = scratch.change;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const float change = std::abs(rows[i] - before[i]);
        most = change > most ? change : most;
        before[i] = rows[i];
    }
    scratch.change = most;
}

// From the beliefs in scratch.beliefs. Merged labels share the rest's as they would without messages.
const float* MeanField::all_beliefs(const Tiles::Tile& tile, Scratch& scratch) const {
    if (kept_.empty()) return scratch.beliefs.data();
    const float* few = scratch.beliefs.data();
    float* row = scratch.rows.data();
    float* const share = scratch.planes.plane(0);
    routines_.powers_of(unary_.data() + tile.first * all_width_, tile.pixels(), all_width_, chosen_.data(), row, share);
    for (int i = 0; i < tile.pixels(); ++i) share[i] = few[i * width_ + labels_apart()] / share[i];
    routines_.scale(row, tile.pixels(), all_width_, share);
    for (int i = 0; i < tile.pixels(); ++i, few += width_, row += all_width_)
        for (std::size_t j = 0; j < kept_.size(); ++j) row[kept_[j]] = few[j];
    return scratch.rows.data();
}

template <class Work>
void MeanField::for_beliefs(const Work& work) {
    catch_up();
    observing([&] {
        run_team(threads_, [&](const Member& member) {
            for_tiles(member, [&](const Tiles::Tile& tile, Scratch& scratch) {
                own_beliefs(tile, scratch);
                observe(tile, scratch, false);
                work(tile, scratch);
            });
        });
    });
    if (!rest_too_large()) return;
    part();
    for_beliefs(work);
}

template <class T>
void MeanField::put_beliefs(const Strided<T>& out) {
    for_beliefs([&](const Tiles::Tile& tile, Scratch& scratch) {
        pixels_->put(tile, all_beliefs(tile, scratch), out, scratch.planes);
    });
}

template void MeanField::put_beliefs(const Strided<float>& out);
template void MeanField::put_beliefs(const Strided<Half>& out);

void MeanField::labels(std::int32_t* out) {
    for_beliefs([&](const Tiles::Tile& tile, Scratch& scratch) {
        const int apart = labels_apart();
        bool in_rest = false;  // whether a merged label may win: among hundreds of labels, none of which is likely
        const auto decide = [&](const float* row, int width, int labels, bool all) {
            for (int i = 0; i < tile.pixels(); ++i, row += width) {
                const auto best = std::max_element(row, row + labels) - row;
                in_rest = in_rest || (!all && row[apart] >= row[best]);
                out[pixels_->pixel(tile, pixels_->place(tile, i))] =
                    all ? static_cast<std::int32_t>(best) : kept_[size(best)];
            }
        };
        decide(scratch.beliefs.data(), width_, apart, kept_.empty());
        if (in_rest) decide(all_beliefs(tile, scratch), all_width_, classes_, true);
    });
}

}  // namespace pixelwise
