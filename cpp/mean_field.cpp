#include "mean_field.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "threads.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

constexpr float log2_e = 1.44269504f;
constexpr float impossible = -1e30f;  // the logit of columns that only fill up a plane

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

int threads_worth(int wanted, Index pixels) {
    return static_cast<int>(std::clamp<Index>(pixels / 4096, 1, std::max(wanted, 1)));
}

// The first link at or after `target` that begins a chain.
Index chain_start(const std::vector<Link>& links, Index target) {
    const Index count = static_cast<Index>(links.size());
    while (target > 0 && target < count && links[size(target - 1)].half != 0.0f) ++target;
    return target;
}

}  // namespace

struct MeanField::Term {
    Lattice lattice;
    bool grouped = false;
    Buffer<float> splat_weight;       // where it differs from the weights to slice with, which the lattice holds
    Buffer<float> matrix;             // of labels, by columns, (width, width), or empty
    Buffer<float> values;             // blurred: what pixels slice from
    std::vector<Buffer<float>> sums;  // per thread: what pixels splat onto; all but the first are 0 between calls

    explicit Term(Lattice&& built) : lattice(std::move(built)) {}

    SweepView slice_from(const Buffer<float>& from, int width) const {
        return {lattice.corners(), lattice.simplex(), lattice.vertex(), lattice.weight(),
                {const_cast<float*>(from.data()), lattice.vertices(), width}};
    }
    SweepView splat_onto(Buffer<float>& to, int width) const {
        SweepView view = slice_from(to, width);
        if (splat_weight.size() > 0) view.weight = splat_weight.data();
        return view;
    }

    // Folds normalisation, gain, the term's weight and the change to base 2 into the barycentric weights.
    void scale_weights(const Pairwise& pairwise, Index pixels) {
        const Index corners = lattice.corners();
        const float weight = pairwise.label.empty() ? pairwise.weight : 1.0f;
        const float factor = std::sqrt(lattice.gain() * weight * log2_e);
        Buffer<float> scale(size(pixels));
        if (pairwise.normalization == Normalization::none) {
            std::fill_n(scale.data(), pixels, factor);
        } else {
            lattice.filter_ones(scale.data());
            const bool root = pairwise.normalization == Normalization::symmetric;
            for (Index i = 0; i < pixels; ++i) {
                const float sum = scale[size(i)] * lattice.gain() + 1e-20f;
                scale[size(i)] = factor / (root ? std::sqrt(sum) : sum);
            }
        }
        const bool differ =
            pairwise.normalization == Normalization::before || pairwise.normalization == Normalization::after;
        if (differ) splat_weight.resize(size(pixels * corners));
        float* const weights = lattice.weight();
        const bool before = pairwise.normalization == Normalization::before;
        for (Index i = 0; i < pixels; ++i)
            for (Index k = i * corners; k < (i + 1) * corners; ++k) {
                const float share = weights[k];
                if (differ) splat_weight[size(k)] = share * (before ? scale[size(i)] : factor);
                weights[k] = share * (differ && before ? factor : scale[size(i)]);
            }
    }

    void set_matrix(const std::vector<float>& label, int classes, int width) {
        matrix.resize(size(width) * size(width));
        std::fill_n(matrix.data(), matrix.size(), 0.0f);
        for (int row = 0; row < classes; ++row)
            for (int column = 0; column < classes; ++column)
                matrix[size(column * width + row)] = label[size(row * classes + column)];
    }
};

struct MeanField::Scratch {
    Buffer<float> logits, beliefs;
    std::vector<Index> offset;
    Scratch(int chunk, int width)
        : logits(size(chunk * width)), beliefs(size(chunk * width)), offset(size(chunk)) {}
};

MeanField::~MeanField() = default;

MeanField::MeanField(const Shape& shape, int classes, const std::vector<Pairwise>& pairwise, int threads,
                     const Kernels& kernels)
    : shape_(shape), classes_(classes), width_((classes + 7) / 8 * 8), chunk_(std::clamp(4096 / width_, 16, 256)),
      threads_(threads_worth(threads, shape.pixels())), kernels_(kernels) {
    const Tiles tiles(shape);
    const Index pixels = shape.pixels();
    std::size_t deepest = 0;
    for (std::size_t k = 0; k < pairwise.size(); ++k) {
        try {
            terms_.emplace_back(Lattice(pairwise[k].dimensions, pairwise[k].features, tiles, kernels, threads_));
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument("kernel " + std::to_string(k) + ": " + error.what());
        }
        if (pairwise[k].dimensions > pairwise[deepest].dimensions) deepest = k;
    }

    std::vector<std::int32_t> order(size(pixels)), pixel_of_place(size(pixels));
    for (Index i = 0; i < pixels; ++i) order[size(i)] = static_cast<std::int32_t>(i);
    if (!terms_.empty()) {
        order = terms_[deepest].lattice.grouped(tiles);
        terms_[deepest].grouped = true;
    }
    for (const Tiles::Tile& tile : tiles.list())
        tiles.for_rows(tile, [&](Index pixel, int at, int count) {
            for (int i = 0; i < count; ++i)
                pixel_of_place[size(tile.first + at + i)] = static_cast<std::int32_t>(pixel + i);
        });
    pixel_.resize(size(pixels));
    for (Index i = 0; i < pixels; ++i) pixel_[size(i)] = pixel_of_place[size(order[size(i)])];

    run_team(std::max(1, std::min(threads_, static_cast<int>(terms_.size()))), [&](const Member& member) {
        for (std::size_t k = size(member.index); k < terms_.size(); k += size(member.size)) {
            Term& term = terms_[k];
            term.lattice.arrange(order, tiles);
            term.scale_weights(pairwise[k], pixels);
            if (!pairwise[k].label.empty()) term.set_matrix(pairwise[k].label, classes_, width_);
            const std::size_t floats = size(term.lattice.vertices()) * size(width_);
            term.values.resize(floats);
            for (int t = 0; t < threads_; ++t) {
                term.sums.emplace_back(floats);
                if (t > 0) std::fill_n(term.sums.back().data(), floats, 0.0f);
            }
        }
    });
}

template <class Step>
void MeanField::find_offsets(const Step& strided, Index begin, int count, Scratch& scratch) const {
    const std::int32_t* pixel = pixel_.data() + begin;
    const bool even = (shape_.height == 1 || strided.row_step == shape_.width * strided.column_step) &&
                      (shape_.depth == 1 || strided.plane_step == shape_.height * strided.row_step);
    for (int i = 0; i < count; ++i) {
        if (even) {
            scratch.offset[size(i)] = pixel[i] * strided.column_step;
            continue;
        }
        const Index row = pixel[i] / shape_.width, column = pixel[i] - row * shape_.width;
        const Index plane = row / shape_.height;
        scratch.offset[size(i)] = plane * strided.plane_step + (row - plane * shape_.height) * strided.row_step +
                                  column * strided.column_step;
    }
}

const float* MeanField::gather(const Strided<const float>& from, Index begin, int count, Scratch& scratch) const {
    find_offsets(from, begin, count, scratch);
    float* rows = scratch.beliefs.data();
    for (int c = 0; c < width_; ++c)
        for (int i = 0; i < count; ++i)
            rows[i * width_ + c] = c < classes_ ? from.data[c * from.class_step + scratch.offset[size(i)]] : 0.0f;
    return rows;
}

void MeanField::scatter(const float* rows, Index begin, int count, const Strided<float>& to, Scratch& scratch) const {
    find_offsets(to, begin, count, scratch);
    for (int c = 0; c < classes_; ++c)
        for (int i = 0; i < count; ++i) to.data[c * to.class_step + scratch.offset[size(i)]] = rows[i * width_ + c];
}

template <class Source, class Sink>
void MeanField::sweep(const Member& member, const Source& source, const Sink& sink) const {
    Scratch scratch(chunk_, width_);
    const auto range = member.share(shape_.pixels(), chunk_);
    for (Index begin = range.begin; begin < range.end; begin += chunk_) {
        const int count = static_cast<int>(std::min<Index>(chunk_, range.end - begin));
        sink(begin, count, source(begin, count, scratch), scratch);
    }
}

const float* MeanField::own_beliefs(Index begin, int count, Scratch& scratch) const {
    const float* logits = unary_.data() + begin * width_;
    if (started_)
        for (const Term& term : terms_) {
            kernels_.slice(term.slice_from(term.values, width_), begin, count, logits, scratch.logits.data());
            logits = scratch.logits.data();
        }
    kernels_.softmax(count, width_, logits, scratch.beliefs.data());
    return scratch.beliefs.data();
}

Index MeanField::set_unary(const Strided<const float>& unary) {
    const Index pixels = shape_.pixels();
    started_ = false;
    unary_.resize(size(pixels * width_));
    std::vector<double> least_sum(size(threads_), 0.0);
    const Index none = pixels * classes_;
    std::vector<Index> first_bad(size(threads_), none);
    run_team(threads_, [&](const Member& member) {
        std::vector<float> least(size(chunk_));
        const auto source = [&](Index begin, int count, Scratch& scratch) {
            return gather(unary, begin, count, scratch);
        };
        sweep(member, source, [&](Index begin, int count, const float* energy, Scratch&) {
            float spoilt = 0.0f;
            for (int i = 0; i < count; ++i) {
                const float* row = energy + i * width_;
                float smallest = row[0];
                for (int c = 0; c < classes_; ++c) {
                    smallest = std::min(smallest, row[c]);
                    spoilt += row[c] * 0.0f;  // NaN unless finite
                }
                least_sum[size(member.index)] += smallest;
                float* to = unary_.data() + (begin + i) * width_;
                for (int c = 0; c < width_; ++c)
                    to[c] = c < classes_ ? std::max((smallest - row[c]) * log2_e, impossible) : impossible;
            }
            if (spoilt == 0.0f) return;
            Index& first = first_bad[size(member.index)];
            for (int i = 0; i < count; ++i)
                for (int c = 0; c < classes_; ++c)
                    if (!std::isfinite(energy[i * width_ + c])) first = std::min(first, c * pixels + pixel_[size(begin + i)]);
        });
    });
    least_sum_ = 0.0;
    for (double part : least_sum) least_sum_ += part;
    const Index bad = *std::min_element(first_bad.begin(), first_bad.end());
    if (bad == none) return -1;
    unary_.resize(0);
    return bad;
}

void MeanField::blur(Member& member, std::size_t first, std::size_t last) {
    int directions = 0;
    for (std::size_t k = first; k < last; ++k) directions = std::max(directions, terms_[k].lattice.corners());
    for (int j = 0; j < directions; ++j) {
        for (std::size_t k = first; k < last; ++k) {
            Term& term = terms_[k];
            if (j >= term.lattice.corners()) continue;
            const std::vector<Link>& links = term.lattice.chain(j);
            const auto range = member.share(static_cast<Index>(links.size()));
            const Index begin = chain_start(links, range.begin), end = chain_start(links, range.end);
            kernels_.blur(links.data() + begin, end - begin,
                          {term.sums[0].data(), term.lattice.vertices(), width_});
        }
        member.wait();
    }
}

template <class Source>
void MeanField::filter(const Source& source, std::size_t first, std::size_t last) {
    run_team(threads_, [&](Member& member) {
        Scratch scratch(1, width_);
        const auto own_share = [&](const Term& term) { return member.share(term.lattice.vertices() * width_, 16); };
        for (std::size_t k = first; k < last; ++k) {
            const auto range = own_share(terms_[k]);
            std::fill(terms_[k].sums[0].data() + range.begin, terms_[k].sums[0].data() + range.end, 0.0f);
        }
        member.wait();
        sweep(member, source, [&](Index begin, int count, const float* beliefs, Scratch&) {
            for (std::size_t k = first; k < last; ++k)
                kernels_.splat(terms_[k].splat_onto(terms_[k].sums[size(member.index)], width_), begin, count, beliefs,
                               terms_[k].grouped);
        });
        member.wait();
        for (std::size_t k = first; k < last; ++k) {
            const auto range = own_share(terms_[k]);
            for (int t = 1; t < member.size; ++t)
                kernels_.move_add(terms_[k].sums[0].data() + range.begin, terms_[k].sums[size(t)].data() + range.begin,
                                  range.end - range.begin);
        }
        member.wait();
        blur(member, first, last);
        for (std::size_t k = first; k < last; ++k) {
            if (terms_[k].matrix.size() == 0) continue;
            const auto rows = member.share(terms_[k].lattice.vertices());
            kernels_.transform({terms_[k].sums[0].data(), terms_[k].lattice.vertices(), width_}, rows.begin, rows.end,
                               terms_[k].matrix.data(), scratch.logits.data());
        }
    });
}

void MeanField::accept_messages() {
    for (Term& term : terms_) std::swap(term.values, term.sums[0]);
    started_ = true;
}

void MeanField::step() {
    filter([&](Index begin, int count, Scratch& scratch) { return own_beliefs(begin, count, scratch); }, 0,
           terms_.size());
    accept_messages();
}

void MeanField::step_from(const Strided<const float>& beliefs) {
    filter([&](Index begin, int count, Scratch& scratch) { return gather(beliefs, begin, count, scratch); }, 0,
           terms_.size());
    accept_messages();
}

void MeanField::message(std::size_t term, const Strided<const float>& values, const Strided<float>& out) {
    filter([&](Index begin, int count, Scratch& scratch) { return gather(values, begin, count, scratch); }, term,
           term + 1);
    run_team(threads_, [&](const Member& member) {
        const auto source = [&](Index begin, int count, Scratch& scratch) {
            float* rows = scratch.logits.data();
            std::fill_n(rows, count * width_, 0.0f);
            kernels_.slice(terms_[term].slice_from(terms_[term].sums[0], width_), begin, count, rows, rows);
            for (int i = 0; i < count * width_; ++i) rows[i] *= 1.0f / log2_e;
            return static_cast<const float*>(rows);
        };
        sweep(member, source, [&](Index begin, int count, const float* rows, Scratch& scratch) {
            scatter(rows, begin, count, out, scratch);
        });
    });
}

void MeanField::beliefs(const Strided<float>& out) {
    run_team(threads_, [&](const Member& member) {
        sweep(
            member, [&](Index begin, int count, Scratch& scratch) { return own_beliefs(begin, count, scratch); },
            [&](Index begin, int count, const float* rows, Scratch& scratch) {
                scatter(rows, begin, count, out, scratch);
            });
    });
}

void MeanField::labels(std::int32_t* out) {
    run_team(threads_, [&](const Member& member) {
        sweep(
            member, [&](Index begin, int count, Scratch& scratch) { return own_beliefs(begin, count, scratch); },
            [&](Index begin, int count, const float* rows, Scratch&) {
                for (int i = 0; i < count; ++i) {
                    const float* row = rows + i * width_;
                    out[pixel_[size(begin + i)]] = static_cast<std::int32_t>(std::max_element(row, row + classes_) - row);
                }
            });
    });
}

template <class Source>
double MeanField::objective(const Source& source) {
    filter(source, 0, terms_.size());
    std::vector<double> parts(size(threads_), 0.0);
    run_team(threads_, [&](const Member& member) {
        std::vector<float> messages(size(chunk_ * width_));
        sweep(member, source, [&](Index begin, int count, const float* beliefs, Scratch&) {
            std::fill(messages.begin(), messages.end(), 0.0f);
            for (const Term& term : terms_)
                kernels_.slice(term.slice_from(term.sums[0], width_), begin, count, messages.data(), messages.data());
            double total = 0.0;
            for (int i = 0; i < count; ++i)
                for (int c = 0; c < classes_; ++c) {
                    const double q = beliefs[i * width_ + c];
                    const float* energy = unary_.data() + (begin + i) * width_;
                    total += q * std::log(std::max(q, 1e-20));
                    total -= q * (double{energy[c]} + double{messages[size(i * width_ + c)]}) / double{log2_e};
                }
            parts[size(member.index)] += total;
        });
    });
    double total = least_sum_;
    for (double part : parts) total += part;
    return total;
}

double MeanField::divergence() {
    return objective([&](Index begin, int count, Scratch& scratch) { return own_beliefs(begin, count, scratch); });
}

double MeanField::divergence_of(const Strided<const float>& beliefs) {
    return objective([&](Index begin, int count, Scratch& scratch) { return gather(beliefs, begin, count, scratch); });
}

std::size_t MeanField::terms() const { return terms_.size(); }

Index MeanField::vertices(std::size_t term) const { return terms_[term].lattice.vertices(); }

}  // namespace pixelwise
