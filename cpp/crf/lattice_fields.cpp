#include "crf/lattice_fields.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace pixelwise {
namespace {

// Up to this value coordinates have a float error of at most 1/16 of the lattice's unit.
constexpr double largest_coordinate = 1 << 20;

int bits_for(std::int64_t values) {
    int bits = 1;
    while ((std::int64_t{1} << bits) < values) ++bits;
    return bits;
}

// Packs fields into 64-bit words one after the other; no field spans two words.
class Packing {
  public:
    Field add(std::int64_t least, std::int64_t most) {
        const int bits = bits_for(most - least + 1);
        if (used_ + bits > 64) {
            ++words_;
            used_ = 0;
        }
        const Field field{words_ - 1, used_, bits, least};
        used_ += bits;
        return field;
    }
    int words() const { return words_; }

  private:
    int words_ = 1, used_ = 0;
};

[[noreturn]] void refuse(const std::vector<Interval>& extents) {
    std::size_t widest = 0;
    const auto reach = [&](std::size_t k) { return std::max(-extents[k].low, extents[k].high); };
    for (std::size_t k = 0; k < extents.size(); ++k)
        if (reach(k) > reach(widest)) widest = k;
    const auto text_of = [](double number) {
        char text[32];
        std::snprintf(text, sizeof text, "%.3g", number);
        return std::string(text);
    };
    const double spread = extents[widest].high - extents[widest].low;
    throw std::invalid_argument("feature " + std::to_string(widest) + " reaches " + text_of(reach(widest)) +
                                " standard deviations from 0, further than a lattice of floats can resolve; " +
                                (spread < largest_coordinate / 4
                                     ? "its numbers lie within " + text_of(spread) + " of them: subtract their mean"
                                     : "widths (theta) so small make every pixel its own only neighbour: raise them"));
}

}  // namespace

Interval extent(const float* values, std::ptrdiff_t count, int feature) {
    constexpr int lanes = 16;
    float low[lanes], high[lanes], spoilt[lanes] = {};
    std::fill_n(low, lanes, values[0]);
    std::fill_n(high, lanes, values[0]);
    for (std::ptrdiff_t i = 0; i < count; i += lanes) {
        const float* const at = values + std::max<std::ptrdiff_t>(0, std::min(i, count - lanes));
        const int here = static_cast<int>(std::min<std::ptrdiff_t>(lanes, count));
        for (int k = 0; k < here; ++k) {
            low[k] = at[k] < low[k] ? at[k] : low[k];
            high[k] = at[k] > high[k] ? at[k] : high[k];
            spoilt[k] += at[k] * 0.0f;  // NaN unless finite
        }
    }
    if (std::any_of(spoilt, spoilt + lanes, [](float x) { return x != 0.0f; }))
        throw std::invalid_argument("feature " + std::to_string(feature) +
                                    " is not finite everywhere; is its width (theta) too small?");
    return {*std::min_element(low, low + lanes), *std::max_element(high, high + lanes)};
}

std::vector<float> elevation_scale(int d) {
    const float deviation = static_cast<float>(std::sqrt(2.0 / 3.0) * (d + 1));
    std::vector<float> scale(static_cast<std::size_t>(d));
    for (int i = 0; i < d; ++i)
        scale[static_cast<std::size_t>(i)] = static_cast<float>(1.0 / std::sqrt((i + 2.0) * (i + 1.0)) * deviation);
    return scale;
}

LatticeFields::LatticeFields(int d, const std::vector<Interval>& extents) {
    const std::vector<float> scale = elevation_scale(d);
    Packing simplices, vertices;
    remainder = vertices.add(0, d);
    Interval partial;
    std::vector<Interval> elevated(static_cast<std::size_t>(d) + 1);
    for (int j = d; j >= 0; --j) {
        Interval& here = elevated[static_cast<std::size_t>(j)];
        here = partial;
        if (j == 0) break;
        const double s = scale[static_cast<std::size_t>(j) - 1];
        const Interval& extent = extents[static_cast<std::size_t>(j) - 1];
        const Interval scaled{extent.low * s, extent.high * s};
        here.low -= j * scaled.high;
        here.high -= j * scaled.low;
        partial.low += scaled.low;
        partial.high += scaled.high;
    }
    for (int j = 0; j < d; ++j) {
        const Interval& here = elevated[static_cast<std::size_t>(j)];
        if (!(std::max(-here.low, here.high) < largest_coordinate)) refuse(extents);
        // The base point lies within 3/2 of a cell, the rank is at most d, and float errors are small.
        const std::int64_t cell = d + 1, low = (static_cast<std::int64_t>(std::floor(here.low)) / cell - 5) * cell,
                           high = static_cast<std::int64_t>(std::ceil(here.high)) + 3 * cell + 2;
        simplex.push_back(simplices.add(low, high));
        quotient.push_back(vertices.add(low / cell - 3, high / cell + 3));
    }
    words = std::max(simplices.words(), vertices.words());
}

}  // namespace pixelwise
