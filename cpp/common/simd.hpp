// Short vectors of floats in the widest form that the flags of this translation unit allow. No Python here.
//
// Sources that include this file are compiled once per instruction set, so everything lies in a namespace named after
// that set, and none of it may call inline functions of the standard library: the linker would be free to keep the
// copy that was compiled for the newest processor.
#pragma once

#include <cstdint>

#if defined(__SSE2__) && defined(__GNUC__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define PIXELWISE_ISA avx512
#define PIXELWISE_LANES 16
#elif defined(__AVX2__)
#define PIXELWISE_ISA avx2
#define PIXELWISE_LANES 8
#else
#define PIXELWISE_ISA baseline
#define PIXELWISE_LANES 4
#endif

#if defined(__GNUC__) && !defined(PIXELWISE_PLAIN_VECTORS)
#define PIXELWISE_INLINE inline __attribute__((always_inline))
#define PIXELWISE_PREFETCH(address) __builtin_prefetch(address)
#else
#define PIXELWISE_INLINE inline
#define PIXELWISE_PREFETCH(address) ((void)0)
#endif

namespace pixelwise {
namespace PIXELWISE_ISA {

constexpr int lanes = PIXELWISE_LANES;

// Float<N> and Int<N>: N numbers with the arithmetic operators, also against one number. Comparisons give masks, -1 where
// true and 0 elsewhere.
template <int N>
struct Vectors;

#if defined(__GNUC__) && !defined(PIXELWISE_PLAIN_VECTORS)

#define PIXELWISE_VECTORS(n)                                                     \
    template <>                                                                  \
    struct Vectors<n> {                                                          \
        typedef float Floats __attribute__((vector_size(4 * n)));                \
        typedef std::int32_t Ints __attribute__((vector_size(4 * n)));           \
    };
PIXELWISE_VECTORS(4)
PIXELWISE_VECTORS(8)
PIXELWISE_VECTORS(16)
#undef PIXELWISE_VECTORS

template <int N>
using Float = typename Vectors<N>::Floats;
template <int N>
using Int = typename Vectors<N>::Ints;

template <int N>
PIXELWISE_INLINE Float<N> load(const float* from) {
    Float<N> v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}
template <class T, class Vector>
PIXELWISE_INLINE void store(T* to, Vector v) {
    __builtin_memcpy(to, &v, sizeof v);
}
template <int N>
PIXELWISE_INLINE Float<N> all(float x) {
    return x - Float<N>{};
}
template <class F>
PIXELWISE_INLINE auto bits(F v) {
    return (Int<sizeof(F) / 4>)v;
}
template <class I>
PIXELWISE_INLINE auto from_bits(I v) {
    return (Float<sizeof(I) / 4>)v;
}
template <class F>
PIXELWISE_INLINE auto to_int(F v) {
    return __builtin_convertvector(v, Int<sizeof(F) / 4>);
}

// Written with comparisons, these would take two instructions each, because the compiler must respect NaN.
#if defined(__SSE2__)
PIXELWISE_INLINE Float<4> larger(Float<4> a, Float<4> b) { return (Float<4>)_mm_max_ps((__m128)a, (__m128)b); }
PIXELWISE_INLINE Float<4> smaller(Float<4> a, Float<4> b) { return (Float<4>)_mm_min_ps((__m128)a, (__m128)b); }
#if defined(__AVX2__)
PIXELWISE_INLINE Float<8> larger(Float<8> a, Float<8> b) { return (Float<8>)_mm256_max_ps((__m256)a, (__m256)b); }
PIXELWISE_INLINE Float<8> smaller(Float<8> a, Float<8> b) { return (Float<8>)_mm256_min_ps((__m256)a, (__m256)b); }
#endif
#if defined(__AVX512F__)
PIXELWISE_INLINE Float<16> larger(Float<16> a, Float<16> b) { return (Float<16>)_mm512_max_ps((__m512)a, (__m512)b); }
PIXELWISE_INLINE Float<16> smaller(Float<16> a, Float<16> b) { return (Float<16>)_mm512_min_ps((__m512)a, (__m512)b); }
#endif
#else
template <class F>
PIXELWISE_INLINE F larger(F a, F b) {
    return a < b ? b : a;
}
template <class F>
PIXELWISE_INLINE F smaller(F a, F b) {
    return b < a ? b : a;
}
#endif

// Rows become columns.
PIXELWISE_INLINE void transpose_4(Float<4>& a, Float<4>& b, Float<4>& c, Float<4>& d) {
    const Float<4> ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Float<4> ba = __builtin_shufflevector(a, b, 2, 6, 3, 7), dc = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    a = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    b = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    c = __builtin_shufflevector(ba, dc, 0, 1, 4, 5);
    d = __builtin_shufflevector(ba, dc, 2, 3, 6, 7);
}
#if defined(__AVX512F__)
PIXELWISE_INLINE Float<8> low_half(Float<16> v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7); }
PIXELWISE_INLINE Float<8> high_half(Float<16> v) { return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15); }
#endif

#else  // compilers without vector types: the same operations as loops, which the optimiser may or may not vectorise

template <class T, int N>
struct Plain {
    T lane[N];
};
template <int N>
using Float = Plain<float, N>;
template <int N>
using Int = Plain<std::int32_t, N>;

#define PIXELWISE_EACH(Result, expression)                         \
    {                                                              \
        Result r;                                                  \
        for (int k = 0; k < N; ++k) r.lane[k] = (expression);      \
        return r;                                                  \
    }
#define PIXELWISE_OPERATOR(symbol)                                                                              \
    template <class T, int N>                                                                                   \
    Plain<T, N> operator symbol(Plain<T, N> a, Plain<T, N> b)                                                   \
        PIXELWISE_EACH(PIXELWISE_PLAIN, a.lane[k] symbol b.lane[k])                                             \
    template <class T, int N>                                                                                   \
    Plain<T, N> operator symbol(Plain<T, N> a, T b) PIXELWISE_EACH(PIXELWISE_PLAIN, a.lane[k] symbol b)         \
    template <class T, int N>                                                                                   \
    Plain<T, N> operator symbol(T a, Plain<T, N> b) PIXELWISE_EACH(PIXELWISE_PLAIN, a symbol b.lane[k])
#define PIXELWISE_PLAIN Plain<T, N>
PIXELWISE_OPERATOR(+)
PIXELWISE_OPERATOR(-)
PIXELWISE_OPERATOR(*)
PIXELWISE_OPERATOR(&)
PIXELWISE_OPERATOR(|)
#undef PIXELWISE_PLAIN
#undef PIXELWISE_OPERATOR
template <int N>
Int<N> operator<(Float<N> a, Float<N> b) PIXELWISE_EACH(Int<N>, a.lane[k] < b.lane[k] ? -1 : 0)
template <int N>
Int<N> operator~(Int<N> a) PIXELWISE_EACH(Int<N>, ~a.lane[k])
template <int N>
Int<N> operator<<(Int<N> a, int n)
    PIXELWISE_EACH(Int<N>, static_cast<std::int32_t>(static_cast<std::uint32_t>(a.lane[k]) << n))
template <int N>
Float<N> load(const float* from) PIXELWISE_EACH(Float<N>, from[k])
template <class T, int N>
void store(T* to, Plain<T, N> v) {
    for (int k = 0; k < N; ++k) to[k] = v.lane[k];
}
template <int N>
Float<N> all(float x) PIXELWISE_EACH(Float<N>, x)
template <int N>
Float<N> larger(Float<N> a, Float<N> b) PIXELWISE_EACH(Float<N>, a.lane[k] < b.lane[k] ? b.lane[k] : a.lane[k])
template <int N>
Float<N> smaller(Float<N> a, Float<N> b) PIXELWISE_EACH(Float<N>, b.lane[k] < a.lane[k] ? b.lane[k] : a.lane[k])
union Word {
    float number;
    std::int32_t bits;
};
template <int N>
Int<N> bits(Float<N> v) PIXELWISE_EACH(Int<N>, Word{v.lane[k]}.bits)
template <int N>
Float<N> from_bits(Int<N> v) {
    Float<N> r;
    for (int k = 0; k < N; ++k) {
        Word word;
        word.bits = v.lane[k];
        r.lane[k] = word.number;
    }
    return r;
}
template <int N>
Int<N> to_int(Float<N> v) PIXELWISE_EACH(Int<N>, static_cast<std::int32_t>(v.lane[k]))
#undef PIXELWISE_EACH

inline void transpose_4(Float<4>& a, Float<4>& b, Float<4>& c, Float<4>& d) {
    const Float<4> rows[4] = {a, b, c, d};
    for (int k = 0; k < 4; ++k) {
        a.lane[k] = rows[k].lane[0];
        b.lane[k] = rows[k].lane[1];
        c.lane[k] = rows[k].lane[2];
        d.lane[k] = rows[k].lane[3];
    }
}
inline Float<8> low_half(Float<16> v) { return load<8>(v.lane); }
inline Float<8> high_half(Float<16> v) { return load<8>(v.lane + 8); }

#endif

template <class F>
constexpr int lanes_of = static_cast<int>(sizeof(F) / sizeof(float));

// Where the mask holds, `a`; 0 elsewhere.
template <class I, class F>
PIXELWISE_INLINE F only(I mask, F a) {
    return from_bits(bits(a) & mask);
}

// Adding and subtracting 1.5 * 2^23 leaves the nearest integer (ties to even) of |x| < 2^22, and that integer in the
// low bits of the sum.
constexpr float round_shift = 12582912.0f;

// 2^f with a relative error below 3e-7 for f in [-1/2, 1/2], in steps that do not wait for each other.
template <class F>
PIXELWISE_INLINE F exp2_near_0(F f) {
    const F square = f * f;
    const F high = f * 1.327647152e-3f + 9.675541331e-3f, middle = f * 5.550713275e-2f + 2.402211972e-1f,
            low = f * 6.931469671e-1f + 1.000000072f;
    return (high * square + middle) * square + low;
}

// 2^x with a relative error below 3e-7; beyond [-126, 126] it may be 2^-126 or less, 2^126 or more.
template <class F>
PIXELWISE_INLINE F exp2(F x) {
    x = smaller(larger(x, all<lanes_of<F>>(-126.0f)), all<lanes_of<F>>(126.0f));
    const F shifted = x + round_shift;
    return from_bits(bits(exp2_near_0(x - (shifted - round_shift))) + (bits(shifted) << 23));
}
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(PIXELWISE_PLAIN_VECTORS)
template <>
PIXELWISE_INLINE Float<16> exp2(Float<16> x) {
    const Float<16> nearest = (Float<16>)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return (Float<16>)_mm512_scalef_ps((__m512)exp2_near_0(x - nearest), (__m512)nearest);
}
template <>
PIXELWISE_INLINE Float<8> exp2(Float<8> x) {
    const Float<8> nearest = (Float<8>)_mm256_roundscale_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return (Float<8>)_mm256_scalef_ps((__m256)exp2_near_0(x - nearest), (__m256)nearest);
}
#endif

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
