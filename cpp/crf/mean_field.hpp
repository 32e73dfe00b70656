// Mean-field inference in a fully connected CRF. No Python here.
//
// Source: Krähenbühl, Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials", 2011.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "crf/pairwise_term.hpp"
#include "crf/pixel_rows.hpp"

namespace pixelwise {

class Member;

class MeanField {
  public:
    // Throws std::invalid_argument if features cannot be used, LatticeTooLarge if all lattices together have more vertices
    // than `most_vertices`, std::bad_alloc, std::system_error. After an exception in one of its functions an object is
    // unchanged, except that set_unary() leaves it without unary.
    MeanField(const Shape& shape, int classes, const std::vector<Pairwise>& terms, int threads, const Routines& routines,
              std::ptrdiff_t most_vertices = PTRDIFF_MAX);

    // Takes energies (negative log-probabilities) and starts again from softmax(-unary). Returns where the first one
    // is that is not finite, or -1; the object is then without unary.
    std::ptrdiff_t set_unary(const Strided<const float>& unary);

    // One iteration: Q = softmax(-unary + sum of terms applied to Q).
    void step();
    // The same, from these probabilities instead of the object's own.
    void step_from(const Strided<const float>& beliefs);

    void beliefs(const Strided<float>& out);
    // (pixels): the most probable class, the lowest one on ties.
    void labels(std::int32_t* out);
    // The mean-field objective: sum Q log Q + sum Q unary - sum over terms of Q label K Q (each pair counted twice, as
    // densecrf does). It differs from the Kullback-Leibler divergence by a constant.
    double divergence();
    double divergence_of(const Strided<const float>& beliefs);

    // The contribution of one term to the log-probabilities, for any values instead of probabilities.
    void message(std::size_t term, const Strided<const float>& values, const Strided<float>& out);

    std::ptrdiff_t vertices(std::size_t term) const;
    std::size_t terms() const;
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
        std::vector<SweepView> onto;  // of the terms
        Scratch(int width, std::size_t terms)
            : planes(width), rows(static_cast<std::size_t>(Tiles::most_pixels * width)),
              beliefs(static_cast<std::size_t>(Tiles::most_pixels * width)), row(static_cast<std::size_t>(width)),
              least(Tiles::most_pixels), spoilt(Tiles::most_pixels) {
            onto.reserve(terms);
        }
    };
    // Calls work(tile, scratch) for all tiles that belong to the member.
    template <class Work>
    void for_tiles(const Member& member, const Work& work);
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
    // The place (class, pixel) of the first energy in the planes that is not finite, or `none`.
    std::ptrdiff_t first_spoilt(const Tiles::Tile& tile, const float* planes, std::ptrdiff_t none) const;

    Shape shape_;
    int classes_, threads_;
    const Routines& routines_;
    std::vector<PairwiseTerm> terms_;
    std::optional<PixelRows> pixels_;
    std::vector<Scratch> scratch_;  // one per thread
    bool sums_spoilt_ = true;       // whether the terms' sums may be invalid
    int width_;
    Buffer<float> unary_;     // (positions, width): (least energy - energy) * log2 e, at most 0
    double least_sum_ = 0.0;  // of the pixels' least energies
    std::vector<SweepView> messages_;  // the current messages of the terms; none before the first step
};

}  // namespace pixelwise
