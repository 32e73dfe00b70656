// The inner loops of resample.hpp. Compiled once per instruction set.
#include <stddef.h>
#include <string.h>

#include "common/dispatch_isa.hpp"
#include "common/simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {
namespace {

using Index = std::ptrdiff_t;

// exp(x) for x <= 0 to a relative error below 1e-6: 2^n by the exponent bits, 2^f by a polynomial. NaN stays NaN.
// Branch-free, so that loops over it vectorise.
PIXELWISE_INLINE float exp_nonpositive(float x) {
    const float power_of_2 = x * 1.44269504f;
    const float t = power_of_2 > -126.0f ? power_of_2 : -126.0f;  // a number, whatever x is
    const std::int32_t n = static_cast<std::int32_t>(t - 0.5f);   // rounds to nearest, since t <= 0
    const float f = (power_of_2 < -126.0f ? t : power_of_2) - static_cast<float>(n);  // in [-0.5, 0.5], or NaN
    float p = 1.5403530e-4f;
    p = p * f + 1.3333558e-3f;
    p = p * f + 9.6181291e-3f;
    p = p * f + 5.5504109e-2f;
    p = p * f + 2.4022651e-1f;
    p = p * f + 6.9314718e-1f;
    p = p * f + 1.0f;
    const std::int32_t bits = (n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

void blend(const float* upper, const float* lower, float weight, Index count, float* __restrict out) {
    for (Index x = 0; x < count; ++x) out[x] = upper[x] + weight * (lower[x] - upper[x]);
}

void stretch(const float* in, const std::int32_t* low, const float* weight, Index count, float* __restrict out) {
    Index x = 0;
#if PIXELWISE_LANES >= 8 && defined(__GNUC__) && !defined(__clang__)
    // The cells of `lanes` neighbours lie in two registers, unless the scores shrink by more than half.
    for (; x + lanes <= count; x += lanes) {
        const float* from = in + low[x];
        if (low[x + lanes - 1] + 1 - low[x] >= 2 * lanes) break;
        Int<lanes> place;
        memcpy(&place, low + x, sizeof place);
        place -= low[x];
        const Float<lanes> first = load<lanes>(from), second = load<lanes>(from + lanes);
        const Float<lanes> left = __builtin_shuffle(first, second, place);
        const Float<lanes> right = __builtin_shuffle(first, second, place + 1);
        store(out + x, left + load<lanes>(weight + x) * (right - left));
    }
#endif
    for (; x < count; ++x) out[x] = in[low[x]] + weight[x] * (in[low[x] + 1] - in[low[x]]);
}

void best_of(float* scores, Index classes, Index stride, Index count, float* __restrict best,
             std::int32_t* __restrict label, float* __restrict confidence) {
    for (Index x = 0; x < count; ++x) {
        best[x] = scores[x];
        label[x] = 0;
        confidence[x] = 0.0f;
    }
    for (Index c = 1; c < classes; ++c) {
        const float* score = scores + c * stride;
        const std::int32_t id = static_cast<std::int32_t>(c);
        for (Index x = 0; x < count; ++x) {
            label[x] = score[x] > best[x] ? id : label[x];
            best[x] = score[x] > best[x] ? score[x] : best[x];
        }
    }
    for (Index c = 0; c < classes; ++c) {
        float* __restrict score = scores + c * stride;
        for (Index x = 0; x < count; ++x) {
            score[x] = exp_nonpositive(score[x] - best[x]);
            confidence[x] += score[x];
        }
    }
    for (Index x = 0; x < count; ++x) confidence[x] = 1.0f / confidence[x];
}

void multiply(const float* values, const float* factor, Index count, float* __restrict out) {
    for (Index x = 0; x < count; ++x) out[x] = values[x] * factor[x];
}

void add_product(const float* values, const float* factor, Index count, float* __restrict out) {
    for (Index x = 0; x < count; ++x) out[x] += values[x] * factor[x];
}

}  // namespace

extern const ResamplingRoutines resampling_routines;
const ResamplingRoutines resampling_routines = {
    .blend = &blend,
    .stretch = &stretch,
    .best_of = &best_of,
    .multiply = &multiply,
    .add_product = &add_product,
};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
