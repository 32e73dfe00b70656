// One Gaussian kernel of the dense CRF: its lattice, its weights and the values on its vertices. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "crf/permutohedral.hpp"

namespace pixelwise {

class Member;

constexpr float log2_e = 1.44269504f;

enum class Normalization { none, before, after, symmetric };

// With K the (normalised) filter, log-beliefs gain `label` * K Q.
struct Pairwise {
    int dimensions;
    const float* features;  // (dimensions, pixels), in standard deviations; not used if there is a lattice
    Normalization normalization;
    float weight;              // used if `label` is empty; not negative
    std::vector<float> label;  // (classes, classes), row = the label that gains, or empty: weight * identity
    std::shared_ptr<const Lattice> lattice = nullptr;  // of the features, if it has been built for the same shape and threads
};

// The number of threads that are worth starting.
int threads_worth(int wanted, std::ptrdiff_t pixels);

class PairwiseTerm {
  public:
    // The term in this order of pixels, which may be that of the lattice. `width`: of a row of values.
    PairwiseTerm(const Lattice& lattice, const Pairwise& pairwise, const std::vector<std::int32_t>& order, const Tiles& tiles,
                 int classes, int width);

    int corners() const { return corners_; }
    std::ptrdiff_t vertices() const { return vertices_; }
    int parts() const { return static_cast<int>(called_.size()); }
    float weight() const { return unit_; }
    bool has_matrix() const { return matrix.size() > 0; }
    bool is_normalized() const { return normalized_; }  // so that messages hardly exceed the weight
    // Only for a term without matrix.
    void set_weight(float weight);
    // From here on rows have `width` floats, at most as many as at first; the content of `values` and `sums` stays.
    void set_width(int width);
    const std::vector<Link>& chain(int direction) const { return chains_[static_cast<std::size_t>(direction)]; }

    // The rows of vertices. Pixels splat onto `sums`: the first thread has rows for all vertices, the others for their own
    // vertices; all but the first are 0 between calls.
    Buffer<float> values;              // blurred: what pixels slice from
    std::vector<Buffer<float>> sums;
    Buffer<float> matrix;              // of labels, by columns, (width, width), or empty

    // Adds a share of a thread's sums to those of the first, and makes it 0.
    void merge(const Member& member, int thread, const Routines& routines);

    std::ptrdiff_t floats() const { return vertices_ * width_; }
    Rows rows(Buffer<float>& of) const { return {of.data(), vertices_, width_}; }
    // The view for a sweep that slices from, or splats onto, such rows.
    SweepView to_slice(Buffer<float>& from) const;
    SweepView to_splat(Buffer<float>& onto) const;

  private:
    void take_pixels(const Lattice& lattice, const Pairwise& pairwise, const std::vector<std::int32_t>& order,
                     const Tiles& tiles);
    void take_vertices(const Lattice& lattice);

    int corners_;
    std::ptrdiff_t vertices_;
    int width_;
    bool runs_, normalized_;
    float unit_;  // the weight that the pixels' weights contain
    Buffer<std::int32_t> simplex_;
    Buffer<float> weight_, splat_weight_;  // the latter where it differs from the weights to slice with
    std::vector<std::int32_t> row_, own_row_;  // of the simplices' corners, as a SweepView names them
    std::vector<std::vector<std::int32_t>> called_;
    std::vector<std::vector<Link>> chains_;
};

}  // namespace pixelwise
