// Rows of numbers in registers, for the loops that are compiled once per instruction set. No Python here.
#pragma once

#include "common/dispatch_isa.hpp"
#include "common/simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {

using Index = std::ptrdiff_t;

// Counts 0, 1, ... N - 1 as types, so that all indices of a block's vectors are constants and the vectors stay in
// registers.
template <int... K>
struct Counts {};
template <int N, int... K>
struct CountTo : CountTo<N - 1, N - 1, K...> {};
template <int... K>
struct CountTo<0, K...> {
    using Type = Counts<K...>;
};

// `Columns` (a multiple of 8) neighbouring numbers of a row: whole vectors, and half a vector where those have 16 lanes.
template <int Columns>
struct Block {
    static constexpr int columns = Columns, whole = Columns / lanes, rest = Columns % lanes;
    using Whole = typename CountTo<whole>::Type;
    Float<lanes> part[whole > 0 ? whole : 1];
    Float<(rest > 0 ? rest : 4)> tail;

    static PIXELWISE_INLINE Block read(const float* from) { return read_parts(from, Whole()); }
    PIXELWISE_INLINE void write(float* to) const { write_parts(to, Whole()); }
    // Each vector v becomes work(v, the same vector of the others...).
    template <class Work, class... Others>
    PIXELWISE_INLINE void change(const Work& work, const Others&... others) {
        change_parts(Whole(), work, others...);
        if constexpr (rest > 0) tail = work(tail, others.tail...);
    }
    static PIXELWISE_INLINE Block zero() {
        Block block = {};
        return block;
    }
    PIXELWISE_INLINE void add(float weight, const Block& other) {
        if constexpr (whole > 0 && rest > 0) {
            add_parts(all<lanes>(weight), other, Whole());
        } else {
            change([weight](auto mine, auto its) { return mine + weight * its; }, other);
        }
    }
    // Adds columns k, k + 8, k + 16, ... to sums[k], which starts at 0 if `fresh`.
    PIXELWISE_INLINE void add_eighths(float* sums, bool fresh) const { add_eighths_of(sums, fresh, Whole()); }

  private:
    template <int... K>
    PIXELWISE_INLINE void add_eighths_of(float* sums, bool fresh, Counts<K...>) const {
        if constexpr (lanes == 4) {
            Float<lanes> low = fresh ? all<lanes>(0.0f) : load<lanes>(sums);
            Float<lanes> high = fresh ? all<lanes>(0.0f) : load<lanes>(sums + lanes);
            ((K % 2 == 0 ? low = low + part[K] : high = high + part[K]), ...);
            store(sums, low);
            store(sums + lanes, high);
        } else {
            Float<8> total = fresh ? all<8>(0.0f) : load<8>(sums);
            if constexpr (lanes == 8) ((total = total + part[K]), ...);
            if constexpr (lanes == 16) ((total = total + (low_half(part[K]) + high_half(part[K]))), ...);
            if constexpr (rest > 0) total = total + tail;
            store(sums, total);
        }
    }
    // The half vector's weights are half of the others', so that they are loaded once.
    template <class Weights, int... K>
    PIXELWISE_INLINE void add_parts(Weights weights, const Block& other, Counts<K...>) {
        ((part[K] = part[K] + weights * other.part[K]), ...);
        tail = tail + low_half(weights) * other.tail;
    }
    template <int... K>
    static PIXELWISE_INLINE Block read_parts(const float* from, Counts<K...>) {
        Block block;
        ((block.part[K] = load<lanes>(from + K * lanes)), ...);
        if constexpr (rest > 0) block.tail = load<rest>(from + whole * lanes);
        return block;
    }
    template <int... K>
    PIXELWISE_INLINE void write_parts(float* to, Counts<K...>) const {
        (store(to + K * lanes, part[K]), ...);
        if constexpr (rest > 0) store(to + whole * lanes, tail);
    }
    template <int... K, class Work, class... Others>
    PIXELWISE_INLINE void change_parts(Counts<K...>, const Work& work, const Others&... others) {
        [[maybe_unused]] const auto one = [&work](auto& mine, const auto&... its) { mine = work(mine, its...); };
        (change_part<K>(one, others...), ...);
    }
    template <int K, class One, class... Others>
    PIXELWISE_INLINE void change_part(const One& one, const Others&... others) {
        one(part[K], others.part[K]...);
    }
};

// The block of a width that is less than a whole number of the largest blocks.
template <int Columns, class Work>
PIXELWISE_INLINE void for_last_block(int width, int first, const Work& work) {
    if (width - first == Columns) return work(Block<Columns>(), first);
    if constexpr (Columns > 8) for_last_block<Columns - 8>(width, first, work);
}

// Calls work(an empty block, its first column) for blocks that cover `width`, of at most `Most` columns each.
template <int Most, class Work>
PIXELWISE_INLINE void for_blocks(int width, const Work& work) {
    static_assert(Most % 8 == 0, "rows are filled up to multiples of 8");
    int first = 0;
    for (; first + Most <= width; first += Most) work(Block<Most>(), first);
    if constexpr (Most > 8)
        if (first < width) for_last_block<Most - 8>(width, first, work);
}

// The number of vectors that leaves enough registers for other values.
constexpr int four_vectors = 4 * lanes;
constexpr int few_vectors = lanes == 4 ? 2 * lanes : 3 * lanes;
constexpr int registers = lanes == 16 ? 32 : 16;

// The row of a corner: a row's index is its distance from the first row in pairs of floats.
PIXELWISE_INLINE const float* row_at(const float* values, std::int32_t row) { return values + 2 * static_cast<Index>(row); }
PIXELWISE_INLINE float* row_at(float* values, std::int32_t row) { return values + 2 * static_cast<Index>(row); }

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
