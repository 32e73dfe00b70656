#include "common/resample.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "common/threads.hpp"

// One source, compiled for several instruction sets; glibc's loader picks the best one the processor has.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define PIXELWISE_MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define PIXELWISE_MULTIVERSION
#endif

namespace pixelwise {
namespace {

// Where output position i lies between two input cells: (1 - weight) * in[low] + weight * in[high].
struct Axis {
    std::vector<std::int32_t> low, high;
    std::vector<float> weight;

    Axis(std::size_t from, std::size_t to) : low(to), high(to), weight(to) {
        const double scale = static_cast<double>(from) / static_cast<double>(to);
        for (std::size_t i = 0; i < to; ++i) {
            const double position =
                std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, static_cast<double>(from - 1));
            low[i] = static_cast<std::int32_t>(position);
            high[i] = static_cast<std::int32_t>(std::min<std::size_t>(low[i] + 1, from - 1));
            weight[i] = static_cast<float>(position - low[i]);
        }
    }
};

// exp(x) for x <= 0 to a relative error below 1e-6: 2^n by the exponent bits, 2^f by a polynomial. NaN stays NaN.
// Branch-free, so that loops over it vectorise.
inline float exp_nonpositive(float x) {
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
    std::memcpy(&power, &bits, sizeof power);
    return p * power;
}

// The output rows one by one: scores() is (classes, to.width) of the row that was requested last.
class Rows {
  public:
    Rows(const float* scores, std::size_t classes, Grid from, Grid to)
        : source_(scores), classes_(classes), from_(from), to_(to), y_(from.height, to.height),
          x_(from.width, to.width), blended_(from.width), row_(classes * to.width) {}

    PIXELWISE_MULTIVERSION void compute(std::size_t row) {
        const float t = y_.weight[row];
        const std::int32_t *__restrict low = x_.low.data(), *__restrict high = x_.high.data();
        const float* __restrict weight = x_.weight.data();
        float* __restrict blended = blended_.data();
        for (std::size_t c = 0; c < classes_; ++c) {
            const float* plane = source_ + c * from_.height * from_.width;
            const float* upper = plane + static_cast<std::size_t>(y_.low[row]) * from_.width;
            const float* lower = plane + static_cast<std::size_t>(y_.high[row]) * from_.width;
            for (std::size_t x = 0; x < from_.width; ++x) blended[x] = upper[x] + t * (lower[x] - upper[x]);
            float* __restrict out = row_.data() + c * to_.width;
            for (std::size_t x = 0; x < to_.width; ++x)
                out[x] = blended[low[x]] + weight[x] * (blended[high[x]] - blended[low[x]]);
        }
    }

    const float* scores() const { return row_.data(); }

  private:
    const float* source_;
    std::size_t classes_;
    Grid from_, to_;
    Axis y_, x_;
    std::vector<float> blended_, row_;
};

PIXELWISE_MULTIVERSION
void best_of(const float* scores, std::size_t classes, std::size_t width, float* best, std::int32_t* label,
             float* confidence) {
    std::copy(scores, scores + width, best);
    std::fill(label, label + width, 0);
    for (std::size_t c = 1; c < classes; ++c) {
        const float* score = scores + c * width;
        const std::int32_t id = static_cast<std::int32_t>(c);
        for (std::size_t x = 0; x < width; ++x) {
            label[x] = score[x] > best[x] ? id : label[x];
            best[x] = score[x] > best[x] ? score[x] : best[x];
        }
    }
    std::fill(confidence, confidence + width, 0.0f);
    for (std::size_t c = 0; c < classes; ++c) {
        const float* score = scores + c * width;
        for (std::size_t x = 0; x < width; ++x) confidence[x] += exp_nonpositive(score[x] - best[x]);
    }
    for (std::size_t x = 0; x < width; ++x) confidence[x] = 1.0f / confidence[x];
}

PIXELWISE_MULTIVERSION
void softmax(const float* scores, std::size_t classes, std::size_t width, const float* best, const float* confidence,
             std::size_t plane, float* probabilities) {
    for (std::size_t c = 0; c < classes; ++c)
        for (std::size_t x = 0; x < width; ++x)
            probabilities[c * plane + x] = exp_nonpositive(scores[c * width + x] - best[x]) * confidence[x];
}

// Calls work(row, its scores, labels, best scores and their probabilities) for every row of the output.
template <class Work>
void for_rows(const float* scores, std::size_t classes, Grid from, Grid to, const Work& work) {
    Rows rows(scores, classes, from, to);
    std::vector<float> best(to.width), confidence(to.width);
    std::vector<std::int32_t> label(to.width);
    for (std::size_t y = 0; y < to.height; ++y) {
        InterruptScope::answer();
        rows.compute(y);
        best_of(rows.scores(), classes, to.width, best.data(), label.data(), confidence.data());
        work(y, rows.scores(), label.data(), best.data(), confidence.data());
    }
}

}  // namespace

void label_pixels(const float* scores, std::size_t classes, Grid from, Grid to, std::uint8_t* labels,
                  std::int64_t* pixels, double* confidence) {
    for_rows(scores, classes, from, to,
             [&](std::size_t y, const float*, const std::int32_t* label, const float*, const float* sure) {
                 for (std::size_t x = 0; x < to.width; ++x) {
                     labels[y * to.width + x] = static_cast<std::uint8_t>(label[x]);
                     ++pixels[label[x]];
                     confidence[label[x]] += sure[x];
                 }
             });
}

void pixel_confidence(const float* scores, std::size_t classes, Grid from, Grid to, float* confidence) {
    for_rows(scores, classes, from, to,
             [&](std::size_t y, const float*, const std::int32_t*, const float*, const float* sure) {
                 std::copy(sure, sure + to.width, confidence + y * to.width);
             });
}

void pixel_probabilities(const float* scores, std::size_t classes, Grid from, Grid to, float* probabilities) {
    for_rows(scores, classes, from, to,
             [&](std::size_t y, const float* row, const std::int32_t*, const float* best, const float* sure) {
                 softmax(row, classes, to.width, best, sure, to.height * to.width, probabilities + y * to.width);
             });
}

}  // namespace pixelwise
