// The permutohedral lattice: which vertices surround each pixel of a feature space, and how they neighbour each other.
// No Python here.
//
// Source: Adams, Baek, Davis, "Fast high-dimensional filtering using the permutohedral lattice", 2010. A Gaussian filter
// of standard deviation 1 in feature space is: splat onto the vertices, blur along d + 1 directions, slice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "common/buffer.hpp"
#include "common/dispatch.hpp"

namespace pixelwise {

// Volumes are (depth, height, width); pictures have depth 1, lists of points also height 1.
struct Shape {
    std::ptrdiff_t depth, height, width;
    std::ptrdiff_t pixels() const { return depth * height * width; }
    bool operator==(const Shape&) const = default;
};

// Pixels are visited tile by tile, so that near pixels are processed at about the same time. A place is a pixel's rank in
// that order, row by row within a tile.
class Tiles {
  public:
    static constexpr int most_pixels = 1024;
    struct Tile {
        std::ptrdiff_t first;  // place
        std::ptrdiff_t plane, top, left;
        int height, width;
        int pixels() const { return height * width; }
    };

    explicit Tiles(const Shape& shape);
    const std::vector<Tile>& list() const { return list_; }
    const Shape& shape() const { return shape_; }
    std::ptrdiff_t pixels() const { return shape_.pixels(); }
    // Calls row(pixel, offset in the tile, width) for each row of the tile.
    template <class Row>
    void for_rows(const Tile& tile, const Row& row) const {
        for (int y = 0; y < tile.height; ++y)
            row((tile.plane * shape_.height + tile.top + y) * shape_.width + tile.left, y * tile.width, tile.width);
    }

  private:
    Shape shape_;
    std::vector<Tile> list_;
};

struct LatticeFields;
template <int Words>
class KeyTable;

// More vertices than the caller allows.
struct LatticeTooLarge : std::length_error {
    using std::length_error::length_error;
};

// It does not change once it is built, so several fields may use one.
//
// Each thread processes a share of the tiles and knows only the vertices that these touch, so that several threads need
// little more memory than one. Such a share is called a part; part p belongs to thread p.
class Lattice {
  public:
    // features: (dimensions, pixels), finite, in standard deviations. Throws std::invalid_argument if they are not
    // finite or are so far apart that floats cannot distinguish neighbouring vertices, or LatticeTooLarge.
    Lattice(int dimensions, const float* features, const Tiles& tiles, const Routines& routines, int threads,
            std::ptrdiff_t most_vertices);

    int dimensions() const { return dimensions_; }
    int corners() const { return dimensions_ + 1; }
    const Shape& shape() const { return shape_; }
    std::ptrdiff_t vertices() const { return vertices_; }
    // Throws LatticeTooLarge if there are more vertices; returns how many may follow.
    std::ptrdiff_t within(std::ptrdiff_t most_vertices) const;

    // The order of pixels that puts those of one simplex side by side within each tile: element i is the place of the
    // pixel that comes i-th, which is called its position.
    const std::vector<std::int32_t>& order() const { return order_; }

    // By position. A simplex that several tiles touch has a number in each of them.
    const std::int32_t* simplex() const { return simplex_.data(); }  // (pixels)
    const float* weight() const { return weight_.data(); }           // (pixels, corners), barycentric coordinates
    const float* ones() const { return ones_.data(); }               // (pixels): the filter, without gain, of 1 everywhere

    const std::vector<std::int32_t>& vertex() const { return corners_; }  // (simplices, corners): of all vertices
    // The same as the part that met the simplex numbers its own vertices; empty if there is one part.
    const std::vector<std::int32_t>& own_vertex() const { return own_corners_; }
    int parts() const { return static_cast<int>(called_.size()); }
    // The number among all vertices of each of a part's own. It is empty for part 0, whose numbers all parts use.
    const std::vector<std::int32_t>& called(int part) const { return called_[static_cast<std::size_t>(part)]; }
    // The chains of neighbours along a direction; a link's row is the number of a vertex here.
    const std::vector<Link>& chain(int direction) const { return chains_[static_cast<std::size_t>(direction)]; }

    // The filter's gain: splat and slice shares add up to 1, each blur to 2, and this brings their product back to 1.
    float gain() const;

  private:
    template <int Words>
    void build(const float* features, const Tiles& tiles, const Routines& routines, int threads, const LatticeFields& fields,
               std::ptrdiff_t most_vertices);
    template <int Words>
    void link(const KeyTable<Words>& table, const LatticeFields& fields, int threads);
    void filter_ones();
    template <int Corners>
    void filter_ones_of();

    int dimensions_;
    Shape shape_;
    std::ptrdiff_t vertices_ = 0;
    std::vector<std::int32_t> order_;
    std::vector<std::int32_t> corners_, own_corners_;  // the latter is empty if there is one part
    std::vector<std::vector<std::int32_t>> called_;
    std::vector<std::ptrdiff_t> first_pixel_;  // of each part, and the end
    Buffer<std::int32_t> simplex_;
    Buffer<float> weight_, ones_;
    std::vector<std::vector<Link>> chains_;
};

// Calls work(their number, as a constant) for the usual numbers of corners, and else with the constant 0.
template <class Work>
void with_corners(int corners, const Work& work) {
    switch (corners) {
        case 3: return work(std::integral_constant<int, 3>());
        case 6: return work(std::integral_constant<int, 6>());
        default: return work(std::integral_constant<int, 0>());
    }
}

// The first link at or after `target` that begins a chain.
std::ptrdiff_t chain_start(const std::vector<Link>& links, std::ptrdiff_t target);

}  // namespace pixelwise
