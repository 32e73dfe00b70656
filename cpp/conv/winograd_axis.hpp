// Winograd's filtering along one axis: the maps of a tile with 8 or 6 numbers, and the transform of a filter's taps.
// winograd.hpp states the source and the points of interpolation.
#pragma once

#include "conv/panel.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {

// The maps along one axis of a tile of `Side` numbers: `forward` maps the image to its points, `backward` the products to
// the results, `spread` the results' gradient to that of the products.
template <int Side>
struct Axis;

template <>
struct Axis<8> {
    static constexpr double points[] = {0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5};
    static constexpr double scales[] = {1.0, -2.0 / 9, -2.0 / 9, 1.0 / 90, 1.0 / 90, 1.0 / 45, 1.0 / 45};

    static PIXELWISE_INLINE void forward(const Vector* d, Vector* t) {
        t[0] = d[0] - d[6] + (d[4] - d[2]) * 5.25f;
        t[7] = d[7] - d[1] + (d[3] - d[5]) * 5.25f;
        const Vector even1 = d[2] + d[6] - d[4] * 4.25f, odd1 = d[1] + d[5] - d[3] * 4.25f;
        t[1] = even1 + odd1;
        t[2] = even1 - odd1;
        const Vector even2 = d[6] + d[2] * 0.25f - d[4] * 1.25f, odd2 = d[1] * 0.5f - d[3] * 2.5f + d[5] * 2.0f;
        t[3] = even2 + odd2;
        t[4] = even2 - odd2;
        const Vector even3 = d[6] + (d[2] - d[4] * 1.25f) * 4.0f, odd3 = d[1] * 2.0f - d[3] * 2.5f + d[5] * 0.5f;
        t[5] = even3 + odd3;
        t[6] = even3 - odd3;
    }

    template <int Results>
    static PIXELWISE_INLINE void backward(const Vector* p, Vector* r) {
        const Vector even1 = p[1] + p[2], odd1 = p[1] - p[2];
        const Vector even2 = p[3] + p[4], odd2 = p[3] - p[4];
        const Vector even3 = p[5] + p[6], odd3 = p[5] - p[6];
        for (int i = 0; i < Results; ++i) {
            const float two = static_cast<float>(1 << i), half = static_cast<float>(1 << (5 - i));
            r[i] = i % 2 ? odd1 + odd2 * two + odd3 * half : even1 + even2 * two + even3 * half;
            if (i == 0) r[i] = r[i] + p[0];
            if (i == Results - 1) r[i] = r[i] + p[7];
        }
    }

    // `backward` transposed: `Results` numbers to eight.
    template <int Results>
    static PIXELWISE_INLINE void spread(const Vector* r, Vector* p) {
        Vector one[2], two[2], half[2];
        for (int i = 0; i < Results; ++i) {
            const float up = static_cast<float>(1 << i), down = static_cast<float>(1 << (5 - i));
            one[i % 2] = i < 2 ? r[i] : one[i % 2] + r[i];
            two[i % 2] = i < 2 ? r[i] * up : two[i % 2] + r[i] * up;
            half[i % 2] = i < 2 ? r[i] * down : half[i % 2] + r[i] * down;
        }
        p[0] = r[0];
        p[1] = one[0] + one[1];
        p[2] = one[0] - one[1];
        p[3] = two[0] + two[1];
        p[4] = two[0] - two[1];
        p[5] = half[0] + half[1];
        p[6] = half[0] - half[1];
        p[7] = r[Results - 1];
    }
};

template <>
struct Axis<6> {
    static constexpr double points[] = {0.0, 1.0, -1.0, 2.0, -2.0};
    static constexpr double scales[] = {1.0 / 4, -1.0 / 6, -1.0 / 6, 1.0 / 24, 1.0 / 24};

    static PIXELWISE_INLINE void forward(const Vector* d, Vector* t) {
        t[0] = d[0] * 4.0f - d[2] * 5.0f + d[4];
        t[5] = d[1] * 4.0f - d[3] * 5.0f + d[5];
        const Vector even1 = d[4] - d[2] * 4.0f, odd1 = d[3] - d[1] * 4.0f;
        t[1] = even1 + odd1;
        t[2] = even1 - odd1;
        const Vector even2 = d[4] - d[2], odd2 = (d[3] - d[1]) * 2.0f;
        t[3] = even2 + odd2;
        t[4] = even2 - odd2;
    }

    template <int Results>
    static PIXELWISE_INLINE void backward(const Vector* p, Vector* r) {
        const Vector even1 = p[1] + p[2], odd1 = p[1] - p[2];
        const Vector even2 = p[3] + p[4], odd2 = p[3] - p[4];
        r[0] = p[0] + even1 + even2;
        r[1] = odd1 + odd2 * 2.0f;
        r[2] = even1 + even2 * 4.0f;
        r[3] = odd1 + odd2 * 8.0f + p[5];
    }

    template <int Results>
    static PIXELWISE_INLINE void spread(const Vector* r, Vector* p) {
        const Vector even1 = r[0] + r[2], odd1 = r[1] + r[3];
        const Vector even2 = r[0] + r[2] * 4.0f, odd2 = r[1] * 2.0f + r[3] * 8.0f;
        p[0] = r[0];
        p[1] = even1 + odd1;
        p[2] = even1 - odd1;
        p[3] = even2 + odd2;
        p[4] = even2 - odd2;
        p[5] = r[3];
    }
};

// The transform of the filter's taps along one axis, as factors.
template <int Side, int Taps>
struct Factors {
    float at[Side][Taps] = {};
    constexpr Factors() {
        for (int i = 0; i < Side - 1; ++i) {
            double power = Axis<Side>::scales[i];
            for (int k = 0; k < Taps; ++k) {
                at[i][k] = static_cast<float>(power);
                power *= Axis<Side>::points[i];
            }
        }
        at[Side - 1][Taps - 1] = 1.0f;
    }
};

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
