// Mean-field inference in a fully connected CRF. No Python here.
//
// Source: Krähenbühl, Koltun, "Efficient inference in fully connected CRFs with Gaussian edge potentials", 2011.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "permutohedral.hpp"

namespace pixelwise {

enum class Normalization { none, before, after, symmetric };

// One pairwise term. With K the (normalised) filter, log-beliefs gain `label` * K Q.
struct Pairwise {
    int dimensions;
    const float* features;  // (dimensions, pixels), in standard deviations
    Normalization normalization;
    float weight;              // used if `label` is empty; not negative
    std::vector<float> label;  // (classes, classes), row = the label that gains, or empty: weight * identity
};

// (classes, depth, height, width) floats anywhere in memory; steps are in floats.
template <class T>
struct Strided {
    T* data;
    std::ptrdiff_t class_step, plane_step, row_step, column_step;
};

class Member;

class MeanField {
  public:
    // Throws std::invalid_argument if features cannot be used, std::bad_alloc, std::system_error.
    MeanField(const Shape& shape, int classes, const std::vector<Pairwise>& terms, int threads, const Kernels& kernels);
    ~MeanField();

    // Takes energies (negative log-probabilities) and starts anew from softmax(-unary). Returns where the first one
    // is that is not finite, or -1; the object is then without unary.
    std::ptrdiff_t set_unary(const Strided<const float>& unary);

    // One iteration: Q = softmax(-unary + sum of terms applied to Q).
    void step();
    // The same, from these beliefs instead of the object's own.
    void step_from(const Strided<const float>& beliefs);

    void beliefs(const Strided<float>& out);
    // (pixels): the class of the largest belief, the lowest one on ties.
    void labels(std::int32_t* out);
    // The mean-field objective: sum Q log Q + sum Q unary - sum over terms of Q label K Q (each pair counted twice, as
    // densecrf does). It differs from the Kullback-Leibler divergence by a constant.
    double divergence();
    double divergence_of(const Strided<const float>& beliefs);

    // What one term alone adds to the log-beliefs, for any values in place of beliefs.
    void message(std::size_t term, const Strided<const float>& values, const Strided<float>& out);

    std::ptrdiff_t vertices(std::size_t term) const;
    std::size_t terms() const;
    int threads() const { return threads_; }
    int classes() const { return classes_; }
    const Shape& shape() const { return shape_; }

  private:
    struct Term;
    struct Scratch;
    // Calls sink(first position, count, beliefs, scratch) for all chunks that belong to the member; beliefs (count, width)
    // are what source(first position, count, scratch) returns.
    template <class Source, class Sink>
    void sweep(const Member& member, const Source& source, const Sink& sink) const;
    const float* own_beliefs(std::ptrdiff_t begin, int count, Scratch& scratch) const;
    const float* gather(const Strided<const float>& from, std::ptrdiff_t begin, int count, Scratch& scratch) const;
    void scatter(const float* rows, std::ptrdiff_t begin, int count, const Strided<float>& to, Scratch& scratch) const;
    template <class Step>
    void find_offsets(const Step& strided, std::ptrdiff_t begin, int count, Scratch& scratch) const;
    // Filters what the source gives; the result is in sums[0] of the terms [first, last).
    template <class Source>
    void filter(const Source& source, std::size_t first, std::size_t last);
    void blur(Member& member, std::size_t first, std::size_t last);
    template <class Source>
    double objective(const Source& source);
    void accept_messages();

    Shape shape_;
    int classes_, width_, chunk_, threads_;
    const Kernels& kernels_;
    std::vector<std::int32_t> pixel_;  // by position
    std::vector<Term> terms_;
    Buffer<float> unary_;    // (positions, width): (least energy - energy) * log2 e, at most 0
    double least_sum_ = 0.0;  // of the pixels' least energies
    bool started_ = false;   // whether `values` of the terms hold messages
};

}  // namespace pixelwise
