#include "common/resample.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "common/dispatch.hpp"
#include "common/threads.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

constexpr std::size_t slack = 32;  // numbers after a row of cells that stretch() may read
constexpr std::size_t block = 256;  // pixels whose scores stay in the processor's nearest memory

// Where output position i lies between two input cells: (1 - weight) * in[low] + weight * in[low + 1].
struct Axis {
    std::vector<std::int32_t> low;
    std::vector<float> weight;

    // Positions are (i + offset) * scale - offset, clamped to the cells.
    Axis(std::size_t from, std::size_t to, double scale, double offset) : low(to), weight(to) {
        for (std::size_t i = 0; i < to; ++i) {
            const double position = std::clamp((static_cast<double>(i) + offset) * scale - offset, 0.0,
                                               static_cast<double>(from - 1));
            low[i] = static_cast<std::int32_t>(position);
            weight[i] = static_cast<float>(position - low[i]);
        }
    }
    Axis(std::size_t from, std::size_t to)
        : Axis(from, to, static_cast<double>(from) / static_cast<double>(to), 0.5) {}
};

const ResamplingRoutines& routines() { return *find_routines()->resampling; }

// The rows of cells between which an output row lies, blended: (classes, stride).
class BlendedRows {
  public:
    BlendedRows(const float* scores, std::size_t classes, Grid from)
        : source_(scores), classes_(classes), from_(from), stride_(from.width + slack), rows_(classes * stride_) {}

    void compute(const Axis& y, std::size_t row) {
        const std::size_t low = static_cast<std::size_t>(y.low[row]), high = std::min(low + 1, from_.height - 1);
        for (std::size_t c = 0; c < classes_; ++c) {
            const float* plane = source_ + c * from_.height * from_.width;
            float* out = rows_.data() + c * stride_;
            routines().blend(plane + low * from_.width, plane + high * from_.width, y.weight[row],
                             static_cast<Index>(from_.width), out);
            out[from_.width] = out[from_.width - 1];
        }
    }

    // The scores of `count` pixels of the row from column `left` on.
    void stretch(std::size_t c, const Axis& x, std::size_t left, std::size_t count, float* out) const {
        routines().stretch(rows_.data() + c * stride_, x.low.data() + left, x.weight.data() + left,
                           static_cast<Index>(count), out);
    }

  private:
    const float* source_;
    std::size_t classes_;
    Grid from_;
    std::size_t stride_;
    std::vector<float> rows_;
};

// Neighbouring pixels of a row: their labels, the probabilities of these, and exp(score - best score) of all classes,
// (classes, block).
struct Block {
    std::size_t row, left, count;
    const float* powers;
    const std::int32_t* label;
    const float* confidence;
};

// Calls work(block) for every block of the output rows that belong to `member`.
template <class Work>
void for_blocks(const Member& member, const float* scores, std::size_t classes, Grid from, Grid to, const Work& work) {
    const Axis y(from.height, to.height), x(from.width, to.width);
    BlendedRows rows(scores, classes, from);
    const bool same = from.height == to.height && from.width == to.width;
    std::vector<float> pixels(classes * block), best(block), confidence(block);
    std::vector<std::int32_t> label(block);
    const Member::Range own = member.share(static_cast<Index>(to.height));
    for (std::size_t row = static_cast<std::size_t>(own.begin); row < static_cast<std::size_t>(own.end); ++row) {
        member.go_on();
        if (!same) rows.compute(y, row);
        for (std::size_t left = 0; left < to.width; left += block) {
            const std::size_t count = std::min(block, to.width - left);
            for (std::size_t c = 0; c < classes; ++c) {
                float* const out = pixels.data() + c * block;
                if (same)
                    std::copy_n(scores + (c * from.height + row) * from.width + left, count, out);
                else
                    rows.stretch(c, x, left, count, out);
            }
            routines().best_of(pixels.data(), static_cast<Index>(classes), block, static_cast<Index>(count),
                               best.data(), label.data(), confidence.data());
            work(Block{row, left, count, pixels.data(), label.data(), confidence.data()});
        }
    }
}

}  // namespace

void label_pixels(const float* scores, std::size_t classes, Grid from, Grid to, std::uint8_t* labels,
                  std::int64_t* pixels, double* confidence, int threads) {
    const std::size_t members = static_cast<std::size_t>(threads);
    std::vector<std::int64_t> counts(members * classes);
    std::vector<double> sums(members * classes);
    run_team(threads, [&](const Member& member) {
        const std::size_t own = static_cast<std::size_t>(member.index) * classes;
        for_blocks(member, scores, classes, from, to, [&](const Block& found) {
            std::uint8_t* out = labels + found.row * to.width + found.left;
            for (std::size_t x = 0; x < found.count;) {  // runs of one label
                const std::int32_t label = found.label[x];
                const std::size_t start = x;
                double sum = 0.0;
                for (; x < found.count && found.label[x] == label; ++x) {
                    out[x] = static_cast<std::uint8_t>(label);
                    sum += found.confidence[x];
                }
                counts[own + static_cast<std::size_t>(label)] += static_cast<std::int64_t>(x - start);
                sums[own + static_cast<std::size_t>(label)] += sum;
            }
        });
    });
    for (std::size_t i = 0; i < members * classes; ++i) {
        pixels[i % classes] += counts[i];
        confidence[i % classes] += sums[i];
    }
}

void pixel_confidence(const float* scores, std::size_t classes, Grid from, Grid to, float* confidence) {
    run_team(1, [&](const Member& member) {
        for_blocks(member, scores, classes, from, to, [&](const Block& found) {
            std::copy(found.confidence, found.confidence + found.count,
                      confidence + found.row * to.width + found.left);
        });
    });
}

void pixel_probabilities(const float* scores, std::size_t classes, Grid from, Grid to, float* probabilities) {
    run_team(1, [&](const Member& member) {
        for_blocks(member, scores, classes, from, to, [&](const Block& found) {
            for (std::size_t c = 0; c < classes; ++c)
                routines().multiply(found.powers + c * block, found.confidence, static_cast<Index>(found.count),
                                    probabilities + (c * to.height + found.row) * to.width + found.left);
        });
    });
}

void add_probabilities(const float* scores, std::size_t classes, Grid from, const Part& part, const float* of_rows,
                       const float* of_columns, float* total) {
    std::vector<float> factor(block);
    run_team(1, [&](const Member& member) {
        for_blocks(member, scores, classes, from, part.size, [&](const Block& found) {
            for (std::size_t x = 0; x < found.count; ++x)
                factor[x] = found.confidence[x] * of_rows[found.row] * of_columns[found.left + x];
            for (std::size_t c = 0; c < classes; ++c)
                routines().add_product(found.powers + c * block, factor.data(), static_cast<Index>(found.count),
                                       total + (c * part.whole.height + part.top + found.row) * part.whole.width +
                                           part.left + found.left);
        });
    });
}

bool all_finite(const float* numbers, std::size_t count) {
    std::uint32_t found = 0;  // its sign bit: whether an exponent was the one of infinity and NaN
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t bits;
        std::memcpy(&bits, numbers + i, sizeof bits);
        found |= (bits & 0x7fffffffu) + 0x00800000u;
    }
    return (found >> 31) == 0;
}

void enlarge(const float* scores, std::size_t classes, Grid from, std::size_t stride, Grid to, float* out) {
    const double step = 1.0 / static_cast<double>(stride);
    const Axis y(from.height, to.height, step, 0.0), x(from.width, to.width, step, 0.0);
    BlendedRows rows(scores, classes, from);
    for (std::size_t row = 0; row < to.height; ++row) {
        InterruptScope::answer();
        rows.compute(y, row);
        for (std::size_t c = 0; c < classes; ++c)
            rows.stretch(c, x, 0, to.width, out + (c * to.height + row) * to.width);
    }
}

}  // namespace pixelwise
