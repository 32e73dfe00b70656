// Keys of small integers in 64-bit words for simplices and vertices of a permutohedral lattice. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "crf/key_table.hpp"

namespace pixelwise {

struct Field {
    int word = 0, shift = 0, bits = 0;
    std::int64_t least = 0;

    template <int Words>
    Key<Words> unit() const {
        Key<Words> key;
        key.word[word] = std::uint64_t{1} << shift;
        return key;
    }
    template <int Words>
    std::int64_t raw(const Key<Words>& key) const {
        return static_cast<std::int64_t>(key.word[word] >> shift & ((std::uint64_t{1} << bits) - 1));
    }
};

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
};

}  // namespace pixelwise
