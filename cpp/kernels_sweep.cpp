// The loops of a mean-field iteration over pixels. Compiled once per instruction set, with fused multiply-adds where they
// exist.
#include "blocks.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

// How many positions from `at` on, at most `most`, lie in the same simplex.
PIXELWISE_INLINE int run_length(const std::int32_t* simplex, int most) {
    int length = 1;
    while (length < most && simplex[length] == simplex[0]) ++length;
    return length;
}

// Corners: of a simplex, or 0 when only known at run time.
template <int Corners>
void slice_corners(const SweepView& view, Index begin, int count, const float* in, float* out) {
    const int corners = Corners ? Corners : view.corners;
    const Index width = view.rows.width;
    const Index ahead = in == out ? 0 : 32 * width;  // what comes from far is asked for early
    for_blocks<four_vectors>(view.rows.width, [&](auto block, int first) {
        using B = decltype(block);
        const float* const values = view.rows.values + first;
        const float* weight = view.weight + begin * corners;
        for (int i = 0; i < count; ++i, weight += corners) {
            const std::int32_t* row = view.row + static_cast<Index>(view.simplex[begin + i]) * corners;
            const float* const from = in + i * width + first;
            PIXELWISE_PREFETCH(from + ahead);
            PIXELWISE_PREFETCH(from + ahead + 16);
            B total = B::read(from);
            for (int k = 0; k < corners; ++k) total.add(weight[k], B::read(row_at(values, row[k])));
            total.write(out + i * width + first);
        }
    });
}

// The same for positions in runs of one simplex: each row that is read serves two of them.
template <int Corners>
void slice_runs(const SweepView& view, Index begin, int count, const float* in, float* out) {
    const Index width = view.rows.width;
    for_blocks<four_vectors>(view.rows.width, [&](auto block, int first) {
        using B = decltype(block);
        const float* const values = view.rows.values + first;
        const float* weight = view.weight + begin * Corners;
        const float* from = in + first;
        float* to = out + first;
        for (int i = 0; i < count;) {
            int run = run_length(view.simplex + begin + i, count - i);
            const std::int32_t* row = view.row + static_cast<Index>(view.simplex[begin + i]) * Corners;
            i += run;
            for (; run > 1; run -= 2, weight += 2 * Corners, from += 2 * width, to += 2 * width) {
                B one = B::read(from), other = B::read(from + width);
                for (int k = 0; k < Corners; ++k) {
                    const B value = B::read(row_at(values, row[k]));
                    one.add(weight[k], value);
                    other.add(weight[Corners + k], value);
                }
                one.write(to);
                other.write(to + width);
            }
            if (run == 1) {
                B total = B::read(from);
                for (int k = 0; k < Corners; ++k) total.add(weight[k], B::read(row_at(values, row[k])));
                total.write(to);
                weight += Corners, from += width, to += width;
            }
        }
    });
}

template <int Corners>
void splat_corners(const SweepView& view, Index begin, int count, const float* in) {
    const int corners = Corners ? Corners : view.corners;
    const Index width = view.rows.width;
    for_blocks<four_vectors>(view.rows.width, [&](auto block, int first) {
        using B = decltype(block);
        float* const values = view.rows.values + first;
        const float* weight = view.weight + begin * corners;
        for (int i = 0; i < count; ++i, weight += corners) {
            const std::int32_t* row = view.row + static_cast<Index>(view.simplex[begin + i]) * corners;
            const B value = B::read(in + i * width + first);
            for (int k = 0; k < corners; ++k) {
                float* const at = row_at(values, row[k]);
                B total = B::read(at);
                total.add(weight[k], value);
                total.write(at);
            }
        }
    });
}

// `Corners` rows, in registers.
template <int Corners, class B>
struct Held {
    B first;
    Held<Corners - 1, B> others;
    PIXELWISE_INLINE void read(const float* values, const std::int32_t* row) {
        first = B::read(row_at(values, row[0]));
        others.read(values, row + 1);
    }
    PIXELWISE_INLINE void add(const float* weight, const B& value) {
        first.add(weight[0], value);
        others.add(weight + 1, value);
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
    PIXELWISE_INLINE void write(float*, const std::int32_t*) const {}
};

// `Corners` rows of each simplex, from its corner `corner` on, stay in registers for as long as positions share it.
template <int Corners, class B>
PIXELWISE_INLINE void splat_runs_part(const SweepView& view, Index begin, int count, const float* in, int first,
                                      int corner) {
    const Index width = view.rows.width;
    float* const values = view.rows.values + first;
    const float* weight = view.weight + begin * view.corners + corner;
    in += first;
    for (int i = 0; i < count;) {
        const std::int32_t simplex = view.simplex[begin + i];
        const std::int32_t* row = view.row + static_cast<Index>(simplex) * view.corners + corner;
        Held<Corners, B> held;
        held.read(values, row);
        do {
            held.add(weight, B::read(in));
            weight += view.corners;
            in += width;
            ++i;
        } while (i < count && view.simplex[begin + i] == simplex);
        held.write(values, row);
    }
}

void splat_runs_of_6(const SweepView& view, Index begin, int count, const float* in) {
    for_blocks<few_vectors>(view.rows.width, [&](auto block, int first) {
        using B = decltype(block);
        constexpr int vectors = (B::columns + lanes - 1) / lanes;
        constexpr int corners = 7 * vectors < registers ? 6 : 3;
        for (int corner = 0; corner < 6; corner += corners)
            splat_runs_part<corners, B>(view, begin, count, in, first, corner);
    });
}

void slice(const SweepView& view, Index begin, int count, const float* in, float* out, bool runs) {
    if (runs && view.corners == 6) return slice_runs<6>(view, begin, count, in, out);
    switch (view.corners) {
        case 3: return slice_corners<3>(view, begin, count, in, out);
        case 4: return slice_corners<4>(view, begin, count, in, out);
        case 6: return slice_corners<6>(view, begin, count, in, out);
        default: return slice_corners<0>(view, begin, count, in, out);
    }
}

void splat(const SweepView& view, Index begin, int count, const float* in, bool runs) {
    if (runs && view.corners == 6) return splat_runs_of_6(view, begin, count, in);
    switch (view.corners) {
        case 3: return splat_corners<3>(view, begin, count, in);
        case 4: return splat_corners<4>(view, begin, count, in);
        case 6: return splat_corners<6>(view, begin, count, in);
        default: return splat_corners<0>(view, begin, count, in);
    }
}

constexpr int softmax_batch = 16;  // rows at a time, so that their long chains of steps overlap

// sums[i] = the sum of the 8 numbers from x + 8 * i on.
PIXELWISE_INLINE void sum_of_4_rows(const float* x, float* sums) {
    Float<4> a = load<4>(x) + load<4>(x + 4), b = load<4>(x + 8) + load<4>(x + 12);
    Float<4> c = load<4>(x + 16) + load<4>(x + 20), d = load<4>(x + 24) + load<4>(x + 28);
    transpose_4(a, b, c, d);
    store(sums, (a + c) + (b + d));
}

// out = 2^in; sums[i] is the sum of row i, for up to softmax_batch rows.
void powers(int count, int width, const float* in, float* out, float* sums) {
    float partial[softmax_batch * 8];  // of columns k, k + 8, k + 16, ...
    for_blocks<four_vectors>(width, [&](auto block, int first) {
        using B = decltype(block);
        for (int i = 0; i < count; ++i) {
            B power = B::read(in + i * width + first);
            power.change([](auto x) { return exp2(x); });
            power.write(out + i * width + first);
            power.add_eighths(partial + i * 8, first == 0);
        }
    });
    for (int i = 0; i < count; i += 4) sum_of_4_rows(partial + i * 8, sums + i);
}

// The largest logit taken away first, for rows whose powers leave the range of floats.
void powers_of_differences(int width, const float* in, float* out, float* sum) {
    float best = in[0], sums[softmax_batch];
    for (int c = 1; c < width; ++c) best = in[c] > best ? in[c] : best;
    for (int c = 0; c < width; ++c) out[c] = in[c] - best;
    powers(1, width, out, out, sums);
    *sum = sums[0];
}

void softmax(int count, int width, const float* in, float* out) {
    float sums[softmax_batch];
    for (; count > 0; count -= softmax_batch, in += softmax_batch * width, out += softmax_batch * width) {
        const int rows = count < softmax_batch ? count : softmax_batch;
        powers(rows, width, in, out, sums);
        bool beyond = false;
        for (int i = 0; i < rows; ++i) beyond |= !(sums[i] > 1e-30f) | !(sums[i] < 1e30f);
        if (beyond)
            for (int i = 0; i < rows; ++i) powers_of_differences(width, in + i * width, out + i * width, sums + i);
        for (int i = 0; i < softmax_batch; ++i) sums[i] = 1.0f / sums[i];
        for_blocks<four_vectors>(width, [&](auto block, int first) {
            using B = decltype(block);
            for (int i = 0; i < rows; ++i) {
                const float scale = sums[i];
                B belief = B::read(out + i * width + first);
                belief.change([scale](auto x) { return x * scale; });
                belief.write(out + i * width + first);
            }
        });
    }
}

}  // namespace

#define PIXELWISE_TEXT(isa) #isa
#define PIXELWISE_NAME(isa) PIXELWISE_TEXT(isa)

extern const Kernels kernels;
const Kernels kernels = {PIXELWISE_NAME(PIXELWISE_ISA), &locate, &slice, &splat, &softmax, &blur, &move_add, &transform, &transpose,
                         &pick, &place, &convolution_kernels};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
