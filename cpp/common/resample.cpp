#include "common/resample.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
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

// The rows of an array of scores.
class ArrayRows {
  public:
    ArrayRows(const float* scores, std::size_t classes, Grid grid) : scores_(scores), classes_(classes), grid_(grid) {}

    std::size_t classes() const { return classes_; }
    Grid grid() const { return grid_; }
    void prepare(std::size_t) {}
    const float* at(std::size_t c, std::size_t row) const {
        return scores_ + (c * grid_.height + row) * grid_.width;
    }

  private:
    const float* scores_;
    std::size_t classes_;
    Grid grid_;
};

// The rows of cells between which an output row lies, blended: (classes, stride).
template <class Rows>
class BlendedRows {
  public:
    explicit BlendedRows(Rows& source)
        : source_(source), stride_(source.grid().width + slack), rows_(source.classes() * stride_) {}

    void compute(const Axis& y, std::size_t row) {
        const Grid from = source_.grid();
        const std::size_t low = static_cast<std::size_t>(y.low[row]), high = std::min(low + 1, from.height - 1);
        source_.prepare(low);
        source_.prepare(high);
        for (std::size_t c = 0; c < source_.classes(); ++c) {
            float* out = rows_.data() + c * stride_;
            routines().blend(source_.at(c, low), source_.at(c, high), y.weight[row], static_cast<Index>(from.width), out);
            out[from.width] = out[from.width - 1];
        }
    }

    // The scores of `count` pixels of the row from column `left` on.
    void stretch(std::size_t c, const Axis& x, std::size_t left, std::size_t count, float* out) const {
        routines().stretch(rows_.data() + c * stride_, x.low.data() + left, x.weight.data() + left,
                           static_cast<Index>(count), out);
    }

  private:
    Rows& source_;
    std::size_t stride_;
    std::vector<float> rows_;
};

// The rows of scores that are enlarged as `enlarge` does it, two neighbours at a time.
class EnlargedRows {
  public:
    EnlargedRows(const float* scores, std::size_t classes, Grid from, std::size_t stride, Grid to)
        : cells_(scores, classes, from), blended_(cells_), to_(to), y_(from.height, to.height, step(stride), 0.0),
          x_(from.width, to.width, step(stride), 0.0) {}
    EnlargedRows(const EnlargedRows&) = delete;

    std::size_t classes() const { return cells_.classes(); }
    Grid grid() const { return to_; }
    void prepare(std::size_t row) {
        Held& held = held_[row % 2];
        if (held.row == static_cast<Index>(row)) return;
        held.row = static_cast<Index>(row);
        held.scores.resize(classes() * to_.width);
        write(row, held.scores.data(), to_.width);
    }
    const float* at(std::size_t c, std::size_t row) const {
        return held_[row % 2].scores.data() + c * to_.width;
    }
    // The scores of a row, those of each class `plane` after those of the one before.
    void write(std::size_t row, float* out, std::size_t plane) {
        blended_.compute(y_, row);
        for (std::size_t c = 0; c < classes(); ++c) blended_.stretch(c, x_, 0, to_.width, out + c * plane);
    }

  private:
    static double step(std::size_t stride) { return 1.0 / static_cast<double>(stride); }

    struct Held {
        Index row = -1;
        std::vector<float> scores;
    };
    ArrayRows cells_;
    BlendedRows<ArrayRows> blended_;
    Grid to_;
    Axis y_, x_;
    Held held_[2];
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
template <class Rows, class Work>
void for_blocks(const Member& member, Rows&& source, Grid to, const Work& work) {
    const Grid from = source.grid();
    const std::size_t classes = source.classes();
    const Axis y(from.height, to.height), x(from.width, to.width);
    BlendedRows<std::remove_reference_t<Rows>> rows(source);
    const bool same = from.height == to.height && from.width == to.width;
    std::vector<float> pixels(classes * block), best(block), confidence(block);
    std::vector<std::int32_t> label(block);
    const Member::Range own = member.share(static_cast<Index>(to.height));
    for (std::size_t row = static_cast<std::size_t>(own.begin); row < static_cast<std::size_t>(own.end); ++row) {
        member.go_on();
        if (same)
            source.prepare(row);
        else
            rows.compute(y, row);
        for (std::size_t left = 0; left < to.width; left += block) {
            const std::size_t count = std::min(block, to.width - left);
            for (std::size_t c = 0; c < classes; ++c) {
                float* const out = pixels.data() + c * block;
                if (same)
                    std::copy_n(source.at(c, row) + left, count, out);
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

void label_pixels(const float* scores, std::size_t classes, Grid from, std::size_t stride, Grid whole, Grid to,
                  std::uint8_t* labels, std::int64_t* pixels, double* confidence, int threads) {
    const std::size_t members = static_cast<std::size_t>(threads);
    std::vector<std::int64_t> counts(members * classes);
    std::vector<double> sums(members * classes);
    run_team(threads, [&](const Member& member) {
        const std::size_t own = static_cast<std::size_t>(member.index) * classes;
        const auto count = [&](const Block& found) {
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
        };
        if (stride == 1)
            for_blocks(member, ArrayRows(scores, classes, from), to, count);
        else
            for_blocks(member, EnlargedRows(scores, classes, from, stride, whole), to, count);
    });
    for (std::size_t i = 0; i < members * classes; ++i) {
        pixels[i % classes] += counts[i];
        confidence[i % classes] += sums[i];
    }
}

void pixel_confidence(const float* scores, std::size_t classes, Grid from, Grid to, float* confidence) {
    run_team(1, [&](const Member& member) {
        for_blocks(member, ArrayRows(scores, classes, from), to, [&](const Block& found) {
            std::copy(found.confidence, found.confidence + found.count,
                      confidence + found.row * to.width + found.left);
        });
    });
}

void pixel_probabilities(const float* scores, std::size_t classes, Grid from, Grid to, float* probabilities) {
    run_team(1, [&](const Member& member) {
        for_blocks(member, ArrayRows(scores, classes, from), to, [&](const Block& found) {
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
        for_blocks(member, ArrayRows(scores, classes, from), part.size, [&](const Block& found) {
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
    EnlargedRows rows(scores, classes, from, stride, to);
    for (std::size_t row = 0; row < to.height; ++row) {
        InterruptScope::answer();
        rows.write(row, out + row * to.width, to.height * to.width);
    }
}

}  // namespace pixelwise
