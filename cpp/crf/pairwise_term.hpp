// One Gaussian kernel of the dense CRF: its lattice, its weights and the values on its vertices. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "crf/permutohedral.hpp"

namespace pixelwise {

class Member;

constexpr float log2_e = 1.44269504f;

enum class Normalization { none, before, after, symmetric };

// With K the (normalised) filter, log-beliefs gain `label` * K Q.
struct Pairwise {
    int dimensions;
    const float* features;  // (dimensions, pixels), in standard deviations
    Normalization normalization;
    float weight;              // used if `label` is empty; not negative
    std::vector<float> label;  // (classes, classes), row = the label that gains, or empty: weight * identity
};

class PairwiseTerm {
  public:
    // `width`: of a row of values. To be followed by prepare().
    PairwiseTerm(const Pairwise& pairwise, const Tiles& tiles, int width, const Routines& routines, int threads,
                 std::ptrdiff_t most_vertices);

    const Lattice& lattice() const { return lattice_; }

    // Takes the order of pixels and allocates memory for the threads. `runs`: whether the order was made for this lattice.
    void prepare(const Pairwise& pairwise, const std::vector<std::int32_t>& order, const Tiles& tiles, bool runs,
                 int classes, int threads);

    // The rows of vertices. Pixels splat onto `sums`: the first thread has rows for all vertices, the others for their own
    // vertices; all but the first are 0 between calls.
    Buffer<float> values;              // blurred: what pixels slice from
    std::vector<Buffer<float>> sums;
    Buffer<float> matrix;              // of labels, by columns, (width, width), or empty

    // Adds a share of a thread's sums to those of the first, and makes it 0.
    void merge(const Member& member, int thread, const Routines& routines);

    std::ptrdiff_t floats() const { return lattice_.vertices() * width_; }
    Rows rows(Buffer<float>& of) const { return {of.data(), lattice_.vertices(), width_}; }
    // The view for a sweep that slices from, or splats onto, such rows.
    SweepView to_slice(Buffer<float>& from) const;
    SweepView to_splat(Buffer<float>& onto) const;

  private:
    void scale_weights(const Pairwise& pairwise, std::ptrdiff_t pixels, int threads);

    Lattice lattice_;
    int width_;
    bool runs_ = false;
    Buffer<float> splat_weight_;  // where it differs from the weights to slice with, which the lattice holds
};

}  // namespace pixelwise
