// Mean-field inference in a fully connected CRF. No Python here.
//
// Source: Krähenbühl, Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials", 2011.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/threads.hpp"
#include "crf/pairwise_term.hpp"
#include "crf/pixel_rows.hpp"

namespace pixelwise {

class MeanField {
  public:
    // Throws std::invalid_argument if features cannot be used, LatticeTooLarge if all lattices together have more vertices
    // than `most_vertices`, std::bad_alloc, std::system_error. After an exception in one of its functions an object is
    // unchanged, except that set_unary() leaves it without unary. `merge_labels`: see merged_labels.cpp.
    MeanField(const Shape& shape, int classes, const std::vector<Pairwise>& terms, int threads, const Routines& routines,
              std::ptrdiff_t most_vertices = PTRDIFF_MAX, bool merge_labels = false);

    // Takes energies (negative log-probabilities) and starts again from softmax(-unary). Returns where the first one
    // is that is not finite, or -1; the object is then without unary.
    std::ptrdiff_t set_unary(const Strided<const float>& unary);

    // One iteration: Q = softmax(-unary + sum of terms applied to Q). `watch`: returns the largest change of a belief
    // from the call before the last to the last one, or infinity if they did not watch or had other labels merged.
    float step(bool watch = false);
    // The same, from these probabilities instead of the object's own.
    void step_from(const Strided<const float>& beliefs);

    void beliefs(const Strided<float>& out) { put_beliefs(out); }
    void beliefs(const Strided<Half>& out) { put_beliefs(out); }
    // (pixels): the most probable class, the lowest one on ties.
    void labels(std::int32_t* out);
    // The mean-field objective: sum Q log Q + sum Q unary - sum over terms of Q label K Q (each pair counted twice, as
    // densecrf does). It differs from the Kullback-Leibler divergence by a constant.
    double divergence();
    double divergence_of(const Strided<const float>& beliefs);

    // The contribution of one term to the log-probabilities, for any values instead of probabilities.
    void message(std::size_t term, const Strided<const float>& values, const Strided<float>& out);

    // Starts again from softmax(-unary) with another weight, at least 0, of a term that has no matrix.
    void set_weight(std::size_t term, float weight);

    // How many labels have messages of their own.
    int labels_apart() const { return kept_.empty() ? classes_ : static_cast<int>(kept_.size()); }
    // What the first thread has spent so far on: beliefs from messages, splatting them, adding up threads, blurring.
    struct Seconds {
        double beliefs = 0.0, splat = 0.0, merge = 0.0, blur = 0.0;
    };
    const Seconds& seconds() const { return seconds_; }

    std::ptrdiff_t vertices(std::size_t term) const;
    std::size_t terms() const;
    bool has_matrix(std::size_t term) const { return terms_[term].has_matrix(); }
    int threads() const { return threads_; }
    int classes() const { return classes_; }
    const Shape& shape() const { return shape_; }

  private:
    // Working memory of one thread.
    struct Scratch {
        PixelRows::Scratch planes;
        Buffer<float> rows, beliefs;  // (most pixels of a tile, width)
        std::vector<float> row;       // (width)
        std::vector<float> least, spoilt;  // (most pixels of a tile)
        std::vector<float> largest;        // (width): of the beliefs of an iteration
        float change = 0.0f;               // the largest one in an iteration
        std::vector<SweepView> onto;  // of the terms
        Scratch(int width, std::size_t terms)
            : planes(width), rows(static_cast<std::size_t>(Tiles::most_pixels * width)),
              beliefs(static_cast<std::size_t>(Tiles::most_pixels * width)), row(static_cast<std::size_t>(width)),
              least(Tiles::most_pixels), spoilt(Tiles::most_pixels), largest(static_cast<std::size_t>(width)) {
            onto.reserve(terms);
        }
    };
    // Calls work(tile, scratch) for all tiles that belong to the member.
    template <class Work>
    void for_tiles(const Member& member, const Work& work);
    // The same for the current beliefs, which are in scratch.beliefs.
    template <class Work>
    void for_beliefs(const Work& work);
    template <class T>
    void put_beliefs(const Strided<T>& out);
    // Probabilities of a tile's pixels, (pixels, width), by position; or these values.
    const float* own_beliefs(const Tiles::Tile& tile, Scratch& scratch) const;
    const float* given(const Strided<const float>& values, const Tiles::Tile& tile, Scratch& scratch) const;
    // Filters the values that source(tile, scratch) returns; the result is in sums[0] of the terms [first, last).
    template <class Source>
    void filter(const Source& source, std::size_t first, std::size_t last);
    void blur(Member& member, std::size_t first, std::size_t last);
    template <class Source>
    double objective(const Source& source);
    void accept_messages();
    void list_messages();
    void advance(bool watch);
    // Keeps what step() and review() have to know about a tile's beliefs.
    void observe(const Tiles::Tile& tile, Scratch& scratch, bool watch);
    // Calls work(), which observes all tiles. If it throws, review() does not use what it has observed.
    template <class Work>
    void observing(const Work& work);

    // In merged_labels.cpp.
    std::vector<float> largest_beliefs() const;
    bool rest_too_large() const;
    float limit() const;
    void review();
    void merge(std::vector<int> kept);
    void begin_again(int wanted, bool may_merge);
    void part();
    void catch_up();
    const float* all_beliefs(const Tiles::Tile& tile, Scratch& scratch) const;
    // The place (class, pixel) of the first energy in the planes that is not finite, or `none`.
    std::ptrdiff_t first_spoilt(const Tiles::Tile& tile, const float* planes, std::ptrdiff_t none) const;

    Shape shape_;
    int classes_, threads_;
    const Routines& routines_;
    std::vector<PairwiseTerm> terms_;
    std::optional<PixelRows> pixels_;
    std::vector<Scratch> scratch_;  // one per thread
    bool sums_spoilt_ = true;       // whether the terms' sums may be invalid
    int all_width_, width_;   // of rows of all labels, and of those in the iterations
    Buffer<float> unary_;     // (positions, all width): (least energy - energy) * log2 e, at most 0
    const bool merge_labels_;
    bool may_merge_ = false;
    bool observed_ = false;           // whether `largest` of the scratches is that of all tiles, by present columns
    std::vector<int> kept_;           // labels; empty while none are merged
    std::vector<float> chosen_;       // (all width): 1 for merged labels, else 0
    Buffer<float> few_;               // (positions, width): the unary of those kept, and of the rest
    Buffer<float> before_;            // (positions, width): beliefs that the next iteration compares with
    bool comparable_ = false;         // whether `before_` holds those of the last iteration
    int steps_ = 0, wanted_ = 0;      // iterations since the start that the messages hold, and that they should: catch_up()
    Seconds seconds_;
    double least_sum_ = 0.0;  // of the pixels' least energies
    std::vector<SweepView> messages_;  // the current messages of the terms; none before the first step
};

template <class Work>
void MeanField::for_tiles(const Member& member, const Work& work) {
    Scratch& scratch = scratch_[static_cast<std::size_t>(member.index)];
    const auto& tiles = pixels_->tiles().list();
    const auto range = member.share(static_cast<std::ptrdiff_t>(tiles.size()));
    for (std::ptrdiff_t t = range.begin; t < range.end; ++t) {
        member.go_on();
        work(tiles[static_cast<std::size_t>(t)], scratch);
    }
}

template <class Work>
void MeanField::observing(const Work& work) {
    observed_ = false;
    for (Scratch& scratch : scratch_) {
        std::fill(scratch.largest.begin(), scratch.largest.end(), 0.0f);
        scratch.change = 0.0f;
    }
    work();
    observed_ = true;
}

}  // namespace pixelwise
