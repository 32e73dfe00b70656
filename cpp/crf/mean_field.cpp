#include "crf/mean_field.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "common/stopwatch.hpp"
#include "common/threads.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

constexpr float impossible = -1e30f;  // the logit of padding columns

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

// The terms in the form for sweeps.
void by_corners(std::vector<SweepView>& terms) {
    std::stable_sort(terms.begin(), terms.end(),
                     [](const SweepView& one, const SweepView& other) { return one.corners < other.corners; });
}

using Lattices = std::vector<std::shared_ptr<const Lattice>>;

// The terms' lattices: those that they bring along, and new ones.
Lattices build_lattices(const std::vector<Pairwise>& pairwise, const Tiles& tiles, int threads, const Routines& routines,
                        Index most_vertices) {
    const Index most_of_all = most_vertices;
    Lattices lattices;
    for (const Pairwise& term : pairwise) try {
            std::shared_ptr<const Lattice> lattice = term.lattice;
            if (!lattice)
                lattice = std::make_shared<const Lattice>(term.dimensions, term.features, tiles, routines, threads, most_vertices);
            else if (lattice->shape() != tiles.shape() || lattice->parts() != threads)
                throw std::invalid_argument("the lattice was built for another shape or number of threads");
            most_vertices = lattice->within(most_vertices);
            lattices.push_back(std::move(lattice));
        } catch (const LatticeTooLarge&) {
            throw LatticeTooLarge("the kernels' lattices would have more than " + std::to_string(most_of_all) +
                                  " vertices together; a smaller picture or larger widths (theta) need fewer");
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument("kernel " + std::to_string(lattices.size()) + ": " + error.what());
        }
    return lattices;
}

}  // namespace

MeanField::MeanField(const Shape& shape, int classes, const std::vector<Pairwise>& pairwise, int threads,
                     const Routines& routines, Index most_vertices, bool merge_labels)
    : shape_(shape), classes_(classes), threads_(threads_worth(threads, shape.pixels())), routines_(routines),
      all_width_((classes + 7) / 8 * 8), width_(all_width_), merge_labels_(merge_labels) {
    const Tiles tiles(shape);
    Lattices lattices = build_lattices(pairwise, tiles, threads_, routines, most_vertices);

    // The lattice with the most dimensions costs most, so pixels are ordered for it.
    const auto deepest = std::max_element(lattices.begin(), lattices.end(), [](const auto& one, const auto& other) {
        return one->dimensions() < other->dimensions();
    });
    std::vector<std::int32_t> any_order(deepest == lattices.end() ? size(shape.pixels()) : 0);
    std::iota(any_order.begin(), any_order.end(), 0);
    std::shared_ptr<const Lattice> first = deepest == lattices.end() ? nullptr : *deepest;
    const std::vector<std::int32_t>& order = first ? first->order() : any_order;
    for (std::size_t k = 0; k < lattices.size(); ++k) {
        terms_.emplace_back(*lattices[k], pairwise[k], order, tiles, classes_, width_);
        lattices[k] = nullptr;  // frees what nobody else uses
    }
    pixels_.emplace(shape, classes, order, routines);
    for (int t = 0; t < threads_; ++t) scratch_.emplace_back(width_, terms_.size());
    messages_.reserve(terms_.size());
    first = nullptr;
    if (shape.pixels() <= 1 << 20) return;
    // What lattices needed while they were built goes back to the system, before unaries come.
    SpareBlocks::clear();
#if defined(__GLIBC__)
    static_cast<void>(malloc_trim(0));
#endif
}

Index MeanField::first_spoilt(const Tiles::Tile& tile, const float* planes, Index none) const {
    Index first = none;
    for (int c = 0; c < classes_; ++c)
        for (int i = 0; i < tile.pixels(); ++i)
            if (!std::isfinite(planes[c * PixelRows::Scratch::plane_step + i]))
                first = std::min(first, c * shape_.pixels() + pixels_->pixel(tile, i));
    return first;
}

Index MeanField::set_unary(const Strided<const float>& unary) {
    begin_again(0, merge_labels_);
    unary_.resize(size(shape_.pixels() * width_));
    const Index none = shape_.pixels() * classes_;
    std::vector<double> least_sum(size(threads_), 0.0);
    std::vector<Index> first_bad(size(threads_), none);
    run_team(threads_, [&](const Member& member) {
        for_tiles(member, [&](const Tiles::Tile& tile, Scratch& scratch) {
            std::vector<float>&least = scratch.least, &spoilt = scratch.spoilt;
            const int count = tile.pixels();
            pixels_->take(tile, unary, scratch.planes);
            std::copy_n(scratch.planes.plane(0), count, least.begin());
            std::fill_n(spoilt.begin(), count, 0.0f);
            for (int c = 0; c < classes_; ++c) {
                const float* plane = scratch.planes.plane(c);
                for (int i = 0; i < count; ++i) least[size(i)] = plane[i] < least[size(i)] ? plane[i] : least[size(i)];
                for (int i = 0; i < count; ++i) spoilt[size(i)] += plane[i] * 0.0f;  // NaN unless finite
            }
            if (std::any_of(spoilt.begin(), spoilt.begin() + count, [](float x) { return x != 0.0f; })) {
                Index& first = first_bad[size(member.index)];
                first = std::min(first, first_spoilt(tile, scratch.planes.plane(0), none));
                return;
            }
            for (int c = 0; c < width_; ++c) {
                float* const plane = scratch.planes.plane(c);
                if (c >= classes_) std::fill_n(plane, count, impossible);
                for (int i = 0; c < classes_ && i < count; ++i) {
                    const float logit = (least[size(i)] - plane[i]) * log2_e;
                    plane[i] = logit > impossible ? logit : impossible;
                }
            }
            double& sum = least_sum[size(member.index)];
            sum = std::accumulate(least.begin(), least.begin() + count, sum);
            pixels_->to_rows(tile, scratch.planes, unary_.data() + tile.first * width_);
        });
    });
    least_sum_ = std::accumulate(least_sum.begin(), least_sum.end(), 0.0);
    const Index bad = *std::min_element(first_bad.begin(), first_bad.end());
    if (bad == none) return -1;
    unary_.resize(0);
    return bad;
}

void MeanField::blur(Member& member, std::size_t first, std::size_t last) {
    int directions = 0;
    for (std::size_t k = first; k < last; ++k) directions = std::max(directions, terms_[k].corners());
    for (int j = 0; j < directions; ++j) {
        for (std::size_t k = first; k < last; ++k) {
            PairwiseTerm& term = terms_[k];
            if (j >= term.corners()) continue;
            const std::vector<Link>& links = term.chain(j);
            const auto range = member.share(static_cast<Index>(links.size()));
            const Index begin = chain_start(links, range.begin), end = chain_start(links, range.end);
            routines_.blur(links.data() + begin, end - begin, term.rows(term.sums[0]));
        }
        member.wait();
    }
}

template <class Source>
void MeanField::filter(const Source& source, std::size_t first, std::size_t last) {
    const bool spoilt = std::exchange(sums_spoilt_, true);  // until the call succeeds
    run_team(threads_, [&](Member& member) {
        Scratch& own = scratch_[size(member.index)];
        for (std::size_t k = first; k < last; ++k) {
            const auto range = member.share(terms_[k].floats(), 16);
            std::fill(terms_[k].sums[0].data() + range.begin, terms_[k].sums[0].data() + range.end, 0.0f);
        }
        if (spoilt && member.index > 0)
            for (PairwiseTerm& term : terms_) {
                Buffer<float>& sums = term.sums[size(member.index)];
                std::fill_n(sums.data(), sums.size(), 0.0f);
            }
        member.wait();
        own.onto.clear();
        for (std::size_t k = first; k < last; ++k)
            own.onto.push_back(terms_[k].to_splat(terms_[k].sums[size(member.index)]));
        Stopwatch clock(member.index == 0);
        for_tiles(member, [&](const Tiles::Tile& tile, Scratch& scratch) {
            const float* const beliefs = source(tile, scratch);
            clock.lap(seconds_.beliefs);
            routines_.splat(own.onto.data(), static_cast<int>(own.onto.size()), tile.first, tile.pixels(), width_, beliefs);
            clock.lap(seconds_.splat);
        });
        member.wait();
        for (int t = 1; t < member.size; ++t) {
            for (std::size_t k = first; k < last; ++k) terms_[k].merge(member, t, routines_);
            member.wait();
        }
        clock.lap(seconds_.merge);
        blur(member, first, last);
        clock.lap(seconds_.blur);
        for (std::size_t k = first; k < last; ++k) {
            if (terms_[k].matrix.size() == 0) continue;
            const auto rows = member.share(terms_[k].vertices());
            routines_.transform(terms_[k].rows(terms_[k].sums[0]), rows.begin, rows.end, terms_[k].matrix.data(),
                               own.row.data());
        }
    });
    sums_spoilt_ = false;
}

void MeanField::accept_messages() {
    for (PairwiseTerm& term : terms_) std::swap(term.values, term.sums[0]);
    list_messages();
}

void MeanField::list_messages() {
    messages_.clear();
    for (PairwiseTerm& term : terms_) messages_.push_back(term.to_slice(term.values));
    by_corners(messages_);
}

void MeanField::advance(bool watch) {
    if (watch && before_.size() != size(shape_.pixels() * width_)) {
        before_.resize(size(shape_.pixels() * width_));
        comparable_ = false;
    }
    if (!std::exchange(comparable_, false) && watch)
        std::fill_n(before_.data(), before_.size(), std::numeric_limits<float>::infinity());
    const auto source = [&](const Tiles::Tile& tile, Scratch& scratch) {
        const float* const beliefs = own_beliefs(tile, scratch);
        observe(tile, scratch, watch);
        return beliefs;
    };
    observing([&] { filter(source, 0, terms_.size()); });
    accept_messages();
    comparable_ = watch;
    ++steps_;
}

float MeanField::step(bool watch) {
    catch_up();
    review();
    advance(watch);
    ++wanted_;
    float change = 0.0f;
    for (const Scratch& scratch : scratch_) change = std::max(change, scratch.change);
    return change;
}

void MeanField::step_from(const Strided<const float>& beliefs) {
    part();
    may_merge_ = comparable_ = false;
    filter([&](const Tiles::Tile& tile, Scratch& scratch) { return given(beliefs, tile, scratch); }, 0, terms_.size());
    accept_messages();
}

void MeanField::message(std::size_t term, const Strided<const float>& values, const Strided<float>& out) {
    part();
    filter([&](const Tiles::Tile& tile, Scratch& scratch) { return given(values, tile, scratch); }, term, term + 1);
    const SweepView view = terms_[term].to_slice(terms_[term].sums[0]);
    run_team(threads_, [&](const Member& member) {
        for_tiles(member, [&](const Tiles::Tile& tile, Scratch& scratch) {
            float* const rows = scratch.rows.data();
            std::fill_n(rows, tile.pixels() * width_, 0.0f);
            routines_.slice(&view, 1, tile.first, tile.pixels(), width_, rows, rows);
            for (int i = 0; i < tile.pixels() * width_; ++i) rows[i] *= 1.0f / log2_e;
            pixels_->put(tile, rows, out, scratch.planes);
        });
    });
}

template <class Source>
double MeanField::objective(const Source& source) {
    filter(source, 0, terms_.size());
    std::vector<double> parts(size(threads_), 0.0);
    std::vector<SweepView> filtered;
    for (PairwiseTerm& term : terms_) filtered.push_back(term.to_slice(term.sums[0]));
    by_corners(filtered);
    run_team(threads_, [&](const Member& member) {
        for_tiles(member, [&](const Tiles::Tile& tile, Scratch& scratch) {
            const float* const beliefs = source(tile, scratch);
            const int count = tile.pixels();
            routines_.slice(filtered.data(), static_cast<int>(filtered.size()), tile.first, count, width_,
                           unary_.data() + tile.first * width_, scratch.rows.data());
            double total = 0.0;
            for (int i = 0; i < count; ++i)
                for (int c = 0; c < classes_; ++c) {
                    const double q = beliefs[i * width_ + c], logit = scratch.rows[size(i * width_ + c)];
                    total += q * (std::log(std::max(q, 1e-20)) - logit / double{log2_e});
                }
            parts[size(member.index)] += total;
        });
    });
    return std::accumulate(parts.begin(), parts.end(), least_sum_);
}

double MeanField::divergence() {
    part();
    return objective([&](const Tiles::Tile& tile, Scratch& scratch) { return own_beliefs(tile, scratch); });
}

double MeanField::divergence_of(const Strided<const float>& beliefs) {
    part();
    return objective([&](const Tiles::Tile& tile, Scratch& scratch) { return given(beliefs, tile, scratch); });
}

std::size_t MeanField::terms() const { return terms_.size(); }

Index MeanField::vertices(std::size_t term) const { return terms_[term].vertices(); }

}  // namespace pixelwise
