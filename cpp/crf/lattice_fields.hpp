// Keys of small integers in 64-bit words for simplices and vertices of a permutohedral lattice. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/dispatch.hpp"

namespace pixelwise {

struct Interval {
    double low = 0, high = 0;
};

// The range of one feature over all pixels. Throws std::invalid_argument unless all values are finite.
Interval extent(const float* values, std::ptrdiff_t count, int feature);

// The diagonal of the elevation matrix; in float where densecrf uses floats.
std::vector<float> elevation_scale(int d);

// The key of a simplex is the first d coordinates of its base point minus the ranks of the axes. The key of a vertex is its
// remainder r (its coordinates are all congruent to r modulo d + 1) and by its first d coordinates divided by d + 1,
// rounded down.
struct LatticeFields {
    std::vector<Field> simplex, quotient;
    Field remainder;
    int words;

    // Throws std::invalid_argument if coordinates would leave the range in which floats resolve the lattice.
    LatticeFields(int d, const std::vector<Interval>& extents);

    KeyFields keys() const { return {static_cast<int>(simplex.size()), simplex.data(), quotient.data(), remainder}; }
};

}  // namespace pixelwise
