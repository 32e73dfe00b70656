// Converts volumes of class planes, with any strides, to one row of classes per pixel in the order of the mean field, and
// back. No Python here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "crf/permutohedral.hpp"

namespace pixelwise {

// (classes, depth, height, width) floats anywhere in memory; steps are in floats.
template <class T>
struct Strided {
    T* data;
    std::ptrdiff_t class_step, plane_step, row_step, column_step;
};

// The bits of a float of 16 bits.
using Half = std::uint16_t;

class PixelRows {
  public:
    // `order`: as Lattice::grouped() returns it.
    PixelRows(const Shape& shape, int classes, std::vector<std::int32_t> order, const Routines& routines);

    // Working memory of one thread.
    struct Scratch {
        explicit Scratch(int width);
        float* plane(int c) { return planes.data() + c * plane_step; }
        static constexpr std::ptrdiff_t plane_step = Tiles::most_pixels + 16;  // not a power of 2: cache conflicts
        Buffer<float> planes;                                                  // (width, plane_step)
        Buffer<float> rows;                                                    // (most_pixels, width)
    };

    const Tiles& tiles() const { return tiles_; }
    int width() const { return width_; }  // of a row: classes padded to a multiple of 8

    // Takes the planes of a tile into scratch; those beyond `classes` become 0.
    void take(const Tiles::Tile& tile, const Strided<const float>& from, Scratch& scratch) const;
    // The rows (pixels of the tile, width) of the planes in scratch.
    void to_rows(const Tiles::Tile& tile, Scratch& scratch, float* rows) const;
    // T: float or Half; halves are the nearest ones of numbers from 0 to 65504.
    template <class T>
    void put(const Tiles::Tile& tile, const float* rows, const Strided<T>& to, Scratch& scratch) const;

    // The pixel at a place, which is a rank in the order of tiles.
    std::ptrdiff_t pixel(const Tiles::Tile& tile, int place) const;
    // Of the pixel at a position, its place in the tile.
    int place(const Tiles::Tile& tile, int position) const {
        return static_cast<int>(order_[static_cast<std::size_t>(tile.first + position)] - tile.first);
    }

  private:
    Shape shape_;
    Tiles tiles_;
    int classes_, width_;
    std::vector<std::int32_t> order_;
    const Routines& routines_;
};

}  // namespace pixelwise
