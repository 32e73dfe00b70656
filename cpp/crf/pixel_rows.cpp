#include "crf/pixel_rows.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "common/prefetch.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

std::size_t size(Index count) { return static_cast<std::size_t>(count); }

int fill_up(int count, int step) { return (count + step - 1) / step * step; }

// Where a tile begins in a volume.
template <class T>
T* corner(const Strided<T>& volume, const Tiles::Tile& tile) {
    return volume.data + tile.plane * volume.plane_step + tile.top * volume.row_step + tile.left * volume.column_step;
}

// Calls work(place in the tile, its numbers in the volume) for the pixels of a tile, near ones in memory together.
template <class T, class Work>
void for_pixels(const Strided<T>& volume, const Tiles::Tile& tile, const Work& work) {
    T* const first = corner(volume, tile);
    const bool by_columns = volume.row_step < volume.column_step;
    const int outer = by_columns ? tile.width : tile.height, inner = by_columns ? tile.height : tile.width;
    for (int o = 0; o < outer; ++o)
        for (int i = 0; i < inner; ++i) {
            const int y = by_columns ? i : o, x = by_columns ? o : i;
            work(y * tile.width + x, first + y * volume.row_step + x * volume.column_step);
        }
}

template <class T>
T rounded(float number) {
    if constexpr (std::is_same_v<T, float>) {
        return number;
    } else {
        const std::uint32_t bits = std::bit_cast<std::uint32_t>(number);
        const std::uint32_t normal = (bits - (112u << 23) + 0xfffu + ((bits >> 13) & 1u)) >> 13;
        // Halves below 2^-14 are multiples of 2^-24, as floats near 1/2 are.
        const std::uint32_t small = std::bit_cast<std::uint32_t>(number + 0.5f) - std::bit_cast<std::uint32_t>(0.5f);
        return static_cast<Half>(number < 0x1p-14f ? small : normal);
    }
}

}  // namespace

PixelRows::PixelRows(const Shape& shape, int classes, std::vector<std::int32_t> order, const Routines& routines)
    : shape_(shape), tiles_(shape), classes_(classes), width_(fill_up(classes, 8)), order_(std::move(order)),
      routines_(routines) {}

PixelRows::Scratch::Scratch(int width) : planes(size(width * plane_step)), rows(size(Index{Tiles::most_pixels} * width)) {
    std::fill_n(planes.data(), planes.size(), 0.0f);
    std::fill_n(rows.data(), rows.size(), 0.0f);
}

void PixelRows::take(const Tiles::Tile& tile, const Strided<const float>& from, Scratch& scratch) const {
    const float* const first = corner(from, tile);
    // The next tile is mostly that to the right. Its numbers lie in pieces too short for the processor to foresee.
    const auto expect_next = [&](const float* here) {
        prefetch(here + tile.width * from.column_step);
        prefetch(here + tile.width * from.column_step + 16);
    };
    if (from.class_step == 1) {
        for_pixels(from, tile, [&](int place, const float* pixel) {
            expect_next(pixel);
            std::copy_n(pixel, classes_, scratch.rows.data() + Index{place} * width_);
        });
        routines_.transpose(scratch.rows.data(), width_, fill_up(tile.pixels(), 4), width_, scratch.plane(0),
                           Scratch::plane_step);
    }
    for (int c = 0; c < classes_ && from.class_step != 1; ++c) {
        float* to = scratch.plane(c);
        for (int y = 0; y < tile.height; ++y, to += tile.width) {
            const float* const row = first + c * from.class_step + y * from.row_step;
            expect_next(row);
            if (from.column_step == 1)
                std::memcpy(to, row, size(tile.width) * sizeof(float));
            else
                for (int x = 0; x < tile.width; ++x) to[x] = row[x * from.column_step];
        }
    }
    for (int c = classes_; c < width_; ++c) std::fill_n(scratch.plane(c), tile.pixels(), 0.0f);
}

void PixelRows::to_rows(const Tiles::Tile& tile, Scratch& scratch, float* rows) const {
    routines_.transpose(scratch.plane(0), Scratch::plane_step, width_, fill_up(tile.pixels(), 4), scratch.rows.data(),
                       width_);
    routines_.pick(scratch.rows.data(), order_.data() + tile.first, static_cast<std::int32_t>(tile.first), tile.pixels(),
                  width_, rows);
}

template <class T>
void PixelRows::put(const Tiles::Tile& tile, const float* rows, const Strided<T>& to, Scratch& scratch) const {
    routines_.place(rows, order_.data() + tile.first, static_cast<std::int32_t>(tile.first), tile.pixels(), width_,
                   scratch.rows.data());
    if (to.class_step == 1)
        return for_pixels(to, tile, [&](int place, T* pixel) {
            const float* const row = scratch.rows.data() + Index{place} * width_;
            std::transform(row, row + classes_, pixel, rounded<T>);
        });
    routines_.transpose(scratch.rows.data(), width_, fill_up(tile.pixels(), 4), width_, scratch.plane(0),
                       Scratch::plane_step);
    T* const first = corner(to, tile);
    for (int c = 0; c < classes_; ++c) {
        const float* from = scratch.plane(c);
        for (int y = 0; y < tile.height; ++y, from += tile.width) {
            T* const row = first + c * to.class_step + y * to.row_step;
            if (to.column_step == 1)
                std::transform(from, from + tile.width, row, rounded<T>);
            else
                for (int x = 0; x < tile.width; ++x) row[x * to.column_step] = rounded<T>(from[x]);
        }
    }
}

template void PixelRows::put(const Tiles::Tile&, const float*, const Strided<float>&, Scratch&) const;
template void PixelRows::put(const Tiles::Tile&, const float*, const Strided<Half>&, Scratch&) const;

Index PixelRows::pixel(const Tiles::Tile& tile, int place) const {
    const int y = place / tile.width;
    return (tile.plane * shape_.height + tile.top + y) * shape_.width + tile.left + (place - y * tile.width);
}

}  // namespace pixelwise
