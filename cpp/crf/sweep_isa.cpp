// The loops of a mean-field iteration over pixels. Compiled once per instruction set, with fused multiply-adds where they
// exist.
#include <tuple>
#include <type_traits>

#include "crf/blocks.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

// The number of corners of the terms' simplices, for loops of constant length; 0: known only at run time.
template <int... Each>
struct Corners {};

template <class Work>
PIXELWISE_INLINE void for_corners(const SweepView& term, const Work& work) {
    switch (term.corners) {
        case 3: return work(Corners<3>());
        case 4: return work(Corners<4>());
        case 6: return work(Corners<6>());
        default: return work(Corners<0>());
    }
}

// Calls work(first term, their Corners, whether they are the last) for groups of terms that are sliced in one go: DeepLab's
// two routines, one of position and one of position and colour, so that the loads of one hide the latency of the other.
template <class Work>
PIXELWISE_INLINE void for_groups(const SweepView* terms, int count, const Work& work) {
    if (count == 0) return work(terms, Corners<>(), true);
    for (int k = 0; k < count; ++k) {
        if (k + 1 < count && terms[k].corners == 3 && terms[k + 1].corners == 6) {
            work(terms + k, Corners<3, 6>(), k + 2 == count);
            ++k;
        } else {
            for_corners(terms[k], [&](auto corners) { work(terms + k, corners, k + 1 == count); });
        }
    }
}

// A local copy of a term: the compiler cannot know that writing to rows does not change the view.
template <int Each>
class Term {
  public:
    PIXELWISE_INLINE Term(const SweepView& view, Index begin, int first)
        : corners_(view.corners), simplex_(view.simplex + begin), row_(view.row),
          weight_(view.weight + begin * view.corners), values_(view.rows.values + first) {}

    PIXELWISE_INLINE int corners() const { return Each ? Each : corners_; }
    PIXELWISE_INLINE std::int32_t simplex(Index i) const { return simplex_[i]; }
    PIXELWISE_INLINE const std::int32_t* row(Index i) const { return row_ + static_cast<Index>(simplex_[i]) * corners(); }
    PIXELWISE_INLINE const float* weight(Index i) const { return weight_ + i * corners(); }
    PIXELWISE_INLINE float* values() const { return values_; }

    template <class B>
    PIXELWISE_INLINE void add_message(B& total, Index i) const {
        const std::int32_t* const at = row(i);
        const float* const share = weight(i);
        for (int k = 0; k < corners(); ++k) total.add(share[k], B::read(row_at(values(), at[k])));
    }
    template <class B>
    PIXELWISE_INLINE void splat(Index i, const B& value) const {
        const std::int32_t* const at = row(i);
        const float* const share = weight(i);
        for (int k = 0; k < corners(); ++k) {
            B total = B::read(row_at(values(), at[k]));
            total.add(share[k], value);
            total.write(row_at(values(), at[k]));
        }
    }

  private:
    int corners_;
    const std::int32_t *simplex_, *row_;
    const float* weight_;
    float* values_;
};

template <int... Each>
PIXELWISE_INLINE std::tuple<Term<Each>...> at_hand(const SweepView* views, Index begin, int first, Corners<Each...>) {
    [[maybe_unused]] const SweepView* view = views;
    return {Term<Each>(*view++, begin, first)...};
}

// `Kept` rows, in registers.
template <int Kept, class B>
struct Held {
    B first;
    Held<Kept - 1, B> others;
    PIXELWISE_INLINE void read(const float* values, const std::int32_t* row) {
        first = B::read(row_at(values, row[0]));
        others.read(values, row + 1);
    }
    PIXELWISE_INLINE void add(const float* weight, const B& value) {
        first.add(weight[0], value);
        others.add(weight + 1, value);
    }
    // Onto two totals in turn, so that one does not wait for the other.
    PIXELWISE_INLINE void add_to(B& total, B& other, const float* weight) const {
        total.add(weight[0], first);
        others.add_to(other, total, weight + 1);
    }
    PIXELWISE_INLINE void write(float* values, const std::int32_t* row) const {
        first.write(row_at(values, row[0]));
        others.write(values, row + 1);
    }
};
template <class B>
struct Held<0, B> {
    PIXELWISE_INLINE void read(const float*, const std::int32_t*) {}
    PIXELWISE_INLINE void add(const float*, const B&) {}
    PIXELWISE_INLINE void add_to(B&, B&, const float*) const {}
    PIXELWISE_INLINE void write(float*, const std::int32_t*) const {}
};

// How many positions before their use rows are prefetched: as many as there are, so never, if they fit in a near cache.
PIXELWISE_INLINE int positions_early(const SweepView& view, int count) {
    return view.rows.count * view.rows.width < 1 << 20 ? count : 12;
}

template <int Rows, class B>
PIXELWISE_INLINE void prefetch_rows(const float* values, const std::int32_t* row) {
    for (int k = 0; k < Rows; ++k)
        for (int c = 0; c < B::columns; c += 16) PIXELWISE_PREFETCH(row_at(values, row[k]) + c);
}

template <class B>
constexpr bool holds_6 = 7 * ((B::columns + lanes - 1) / lanes) < registers;

// Like slice_group(), for the two routines of DeepLab: rows stay in registers as long as positions share a simplex.
template <class B, class Finish>
PIXELWISE_INLINE void slice_runs(const Term<3> near, const Term<6> term, int count, int width, const float* in, float* out,
                                 Index ahead, int early, const Finish& finish) {
    for (int i = 0; i < count;) {
        const std::int32_t simplex = term.simplex(i);
        Held<6, B> held;
        held.read(term.values(), term.row(i));
        if (i + early < count) prefetch_rows<6, B>(term.values(), term.row(i + early));
        do {
            PIXELWISE_PREFETCH(in + ahead);
            PIXELWISE_PREFETCH(in + ahead + 16);
            B total = B::read(in), even = B::zero(), odd = B::zero();
            near.add_message(total, i);
            held.add_to(even, odd, term.weight(i));
            total.change([](auto x, auto y, auto z) { return x + (y + z); }, even, odd);
            finish(total, i);
            total.write(out);
            in += width;
            out += width;
            ++i;
        } while (i < count && term.simplex(i) == simplex);
    }
}

// out = finish(in + the messages of a group, index, first column).
template <class Group, class Finish>
PIXELWISE_INLINE void slice_group(const SweepView* views, Group group, Index begin, int count, int width,
                                  const float* in, float* out, const Finish& finish) {
    const Index ahead = in == out ? 0 : 32 * width;  // prefetch from far memory
    for_blocks<four_vectors>(width, [&](auto block, int first) {
        using B = decltype(block);
        const auto terms = at_hand(views, begin, first, group);
        const float* from = in + first;
        float* to = out + first;
        if constexpr (std::is_same_v<Group, Corners<3, 6>> && holds_6<B>) {
            if (views[1].runs)
                return slice_runs<B>(std::get<0>(terms), std::get<1>(terms), count, width, from, to, ahead,
                                  positions_early(views[1], count), [&](B& total, int i) { finish(total, i, first); });
        }
        for (int i = 0; i < count; ++i, from += width, to += width) {
            PIXELWISE_PREFETCH(from + ahead);
            PIXELWISE_PREFETCH(from + ahead + 16);
            B total = B::read(from);
            std::apply([&](const auto&... term) { (term.add_message(total, i), ...); }, terms);
            finish(total, i, first);
            total.write(to);
        }
    });
}

void slice(const SweepView* terms, int term_count, Index begin, int count, int width, const float* in, float* out) {
    for_groups(terms, term_count, [&](const SweepView* group, auto corners, bool) {
        slice_group(group, corners, begin, count, width, in, out, [](auto&, int, int) {});
        in = out;
    });
}

template <int Each>
void splat_corners(const SweepView& view, Corners<Each>, Index begin, int count, int width, const float* in) {
    for_blocks<four_vectors>(width, [&](auto block, int first) {
        using B = decltype(block);
        const Term<Each> term(view, begin, first);
        // Neighbours often have the same rows and would wait for each other, so two places of the tile take turns.
        const int half = count / 2;
        const auto splat_one = [&](int i) { term.splat(i, B::read(in + i * Index{width} + first)); };
        for (int i = 0; i < half; ++i) {
            splat_one(i);
            splat_one(i + half);
        }
        if (count % 2 == 1) splat_one(count - 1);
    });
}

// `Kept` rows of each simplex, starting at `corner`, stay in registers as long as positions share it.
template <int Kept, class B>
PIXELWISE_INLINE void splat_rows_of_runs(const Term<6> term, int count, int width, const float* in, int corner,
                                         int early) {
    for (int i = 0; i < count;) {
        const std::int32_t simplex = term.simplex(i);
        const std::int32_t* const row = term.row(i) + corner;
        Held<Kept, B> held;
        held.read(term.values(), row);
        if (i + early < count) prefetch_rows<Kept, B>(term.values(), term.row(i + early) + corner);
        do {
            held.add(term.weight(i) + corner, B::read(in));
            in += width;
            ++i;
        } while (i < count && term.simplex(i) == simplex);
        held.write(term.values(), row);
    }
}

void splat_runs_of_6(const SweepView& view, Index begin, int count, int width, const float* in) {
    for_blocks<few_vectors>(width, [&](auto block, int first) {
        using B = decltype(block);
        constexpr int kept = holds_6<B> ? 6 : 3;
        const Term<6> term(view, begin, first);
        for (int corner = 0; corner < 6; corner += kept)
            splat_rows_of_runs<kept, B>(term, count, width, in + first, corner, positions_early(view, count));
    });
}

void splat(const SweepView* terms, int term_count, Index begin, int count, int width, const float* in) {
    for (const SweepView* term = terms; term < terms + term_count; ++term) {
        if (term->corners == 6 && term->runs)
            splat_runs_of_6(*term, begin, count, width, in);
        else
            for_corners(*term, [&](auto corners) { splat_corners(*term, corners, begin, count, width, in); });
    }
}

constexpr int batch = 64;  // rows at a time, so that their long chains of steps overlap

// sums[i] = the sum of the 8 numbers that start at x + 8 * i.
PIXELWISE_INLINE void sum_of_4_rows(const float* x, float* sums) {
    Float<4> a = load<4>(x) + load<4>(x + 4), b = load<4>(x + 8) + load<4>(x + 12);
    Float<4> c = load<4>(x + 16) + load<4>(x + 20), d = load<4>(x + 24) + load<4>(x + 28);
    transpose_4(a, b, c, d);
    store(sums, (a + c) + (b + d));
}

// out = 2^(in + messages), and the sum of each row, for up to `batch` of them.
void powers(const SweepView* terms, int term_count, Index begin, int count, int width, const float* in, float* out,
            float* sums) {
    float partial[batch * 8];  // of columns k, k + 8, k + 16, ...
    for_groups(terms, term_count, [&](const SweepView* group, auto corners, bool last) {
        if (last)
            slice_group(group, corners, begin, count, width, in, out, [&](auto& power, int i, int first) {
                power.change([](auto x) { return exp2(x); });
                power.add_eighths(partial + i * 8, first == 0);
            });
        else
            slice_group(group, corners, begin, count, width, in, out, [](auto&, int, int) {});
        in = out;
    });
    for (int i = 0; i < count; i += 4) sum_of_4_rows(partial + i * 8, sums + i);
}

// The largest logit is subtracted first, for rows whose powers leave the range of floats.
void powers_of_differences(int width, float* row, float* sum) {
    float best = row[0], sums[batch];
    for (int c = 1; c < width; ++c) best = row[c] > best ? row[c] : best;
    for (int c = 0; c < width; ++c) row[c] = row[c] - best;
    powers(nullptr, 0, 0, 1, width, row, row, sums);
    *sum = sums[0];
}

// All powers are above 0, and so are their sums.
void powers_of(const float* in, int count, int width, const float* chosen, float* out, float* sums) {
    float partial[batch * 8];
    for (; count > 0; count -= batch, in += batch * width, out += batch * width, sums += batch) {
        const int rows = count < batch ? count : batch;
        for_blocks<four_vectors>(width, [&](auto block, int first) {
            using B = decltype(block);
            const B share = B::read(chosen + first);
            for (int i = 0; i < rows; ++i) {
                B power = B::read(in + i * width + first);
                power.change([](auto x) { return exp2(larger(x, all<lanes_of<decltype(x)>>(-126.0f))); });
                power.write(out + i * width + first);
                power.change([](auto x, auto y) { return x * y; }, share);
                power.add_eighths(partial + i * 8, first == 0);
            }
        });
        for (int i = 0; i < rows; i += 4) sum_of_4_rows(partial + i * 8, sums + i);
    }
}

void beliefs(const SweepView* terms, int term_count, Index begin, int count, int width, const float* in, float* out) {
    float sums[batch];
    for (; count > 0; begin += batch, count -= batch, in += batch * width, out += batch * width) {
        const int rows = count < batch ? count : batch;
        powers(terms, term_count, begin, rows, width, in, out, sums);
        bool beyond = false;
        for (int i = 0; i < rows; ++i) beyond |= !(sums[i] > 1e-30f) | !(sums[i] < 1e30f);
        if (beyond) {
            slice(terms, term_count, begin, rows, width, in, out);
            for (int i = 0; i < rows; ++i) powers_of_differences(width, out + i * width, sums + i);
        }
        for (int i = 0; i < rows; ++i) sums[i] = 1.0f / sums[i];
        scale(out, rows, width, sums);
    }
}

}  // namespace

#define PIXELWISE_TEXT(isa) #isa
#define PIXELWISE_NAME(isa) PIXELWISE_TEXT(isa)

extern const Routines routines;
const Routines routines = {
    .name = PIXELWISE_NAME(PIXELWISE_ISA),
    .locate = &locate,
    .simplex_keys = &simplex_keys,
    .vertex_keys = &vertex_keys,
    .find_keys = &find_keys,
    .slice = &slice,
    .beliefs = &beliefs,
    .powers_of = &powers_of,
    .splat = &splat,
    .blur = &blur,
    .largest = &largest,
    .scale = &scale,
    .move_add = &move_add,
    .transform = &transform,
    .transpose = &transpose,
    .pick = &pick,
    .place = &place,
    .convolution = &convolution_routines,
    .learning = &learning_routines,
    .resampling = &resampling_routines,
};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
