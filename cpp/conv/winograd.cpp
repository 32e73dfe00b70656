#include "conv/winograd.hpp"

#include <algorithm>

#include "common/threads.hpp"

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

// Blocks of tiles have at least the first size, and grow with the weights, because these are read once for every block.
constexpr Index least_block = Index{4} << 20, weights_per_block = 4;  // bytes, and a ratio
// Extra distance between the points of a tile, so that they do not compete for the same few cache lines.
constexpr Index apart = 48;
constexpr int largest_filter = 7, most_columns = 32;

Index parts(Index whole, Index size) { return (whole + size - 1) / size; }

// The positions of tiles. With dilation, an image is split into step * step images of every step-th pixel, each with its
// own tiles.
class Tiling {
  public:
    Tiling(const ConvolutionLayer& layer, const ImageSizes& sizes, int side)
        : step_(layer.dilation),
          size_((side + 1 - layer.filter_size) * step_),
          height_(layer.length(sizes.height)),
          width_(layer.length(sizes.width)),
          phases_down_(std::min(step_, height_)),
          phases_across_(std::min(step_, width_)),
          down_(parts(parts(height_, step_) * step_, size_)),
          across_(parts(parts(width_, step_) * step_, size_)),
          count(sizes.count * phases_down_ * phases_across_ * down_ * across_) {}

    // The first result of a tile.
    struct Place {
        Index image, row, column;
    };
    Place operator()(Index tile) const {
        const Index x = tile % across_, y = tile / across_ % down_, phase = tile / across_ / down_;
        const Index down = phase / phases_across_ % phases_down_;
        return {phase / phases_across_ / phases_down_, down + y * size_, phase % phases_across_ + x * size_};
    }
    // Some phases are a tile shorter.
    bool empty(const Place& place) const { return place.row >= height_ || place.column >= width_; }
    // The pixels of a tile in images of this size, starting `before` rows and columns above and left of it.
    template <class T>
    Pixels<T> pixels(const Place& place, T* images, Index height, Index width, Index channels, Index before = 0) const {
        return {images + place.image * height * width * channels, height, width, channels, place.row - before,
                place.column - before, step_};
    }

  private:
    Index step_, size_, height_, width_, phases_down_, phases_across_, down_, across_;

  public:
    const Index count;
};

// The number of tiles in equal blocks of about this size in bytes, a multiple of `rows`.
Index block_of(Index tiles, Index bytes, Index bytes_per_tile, Index rows) {
    const Index blocks = parts(tiles, std::max<Index>(1, bytes / bytes_per_tile));
    return parts(parts(tiles, blocks), rows) * rows;
}

// Of the calling thread; asking the system for that much again takes long.
float* scratch(Index floats) {
    thread_local Buffer<float> buffer;
    if (buffer.size() < static_cast<std::size_t>(floats)) buffer.resize(static_cast<std::size_t>(floats));
    return buffer.data();
}

}  // namespace

int best_side(const ConvolutionLayer& layer, const ImageSizes& sizes) {
    if (layer.filter_size != 3) return usual_side;
    return Tiling(layer, sizes, 6).count * 36 < Tiling(layer, sizes, 8).count * 64 ? 6 : 8;
}

void weigh_filters(const ConvolutionRoutines& routines, const ConvolutionLayer& layer, int side, const float* weights,
                   bool flipped, Buffer<float>& points, int threads) {
    const Index columns = routines.columns, taps = Index{layer.filter_size} * layer.filter_size, size = layer.outputs * layer.inputs;
    const std::size_t needed = static_cast<std::size_t>(side * side * (size + apart));
    if (points.size() < needed) points.resize(needed);
    const Index output_step = taps * (flipped ? 1 : layer.inputs), input_step = taps * (flipped ? layer.outputs : 1);
    run_team(threads, [&](Member& member) {
        float panel[largest_filter * largest_filter * most_columns];  // (taps, columns)
        const auto mine = member.share(layer.outputs / columns * layer.inputs);
        for (Index i = mine.begin; i < mine.end; ++i) {
            const float* const from = weights + i / layer.inputs * columns * output_step + i % layer.inputs * input_step;
            for (Index o = 0; o < columns; ++o)
                for (Index t = 0; t < taps; ++t)
                    panel[t * columns + o] = from[o * output_step + (flipped ? taps - 1 - t : t)];
            routines.weigh(side, layer.filter_size, panel, points.data() + i * columns, size + apart);
        }
    });
}

void convolve(const ConvolutionRoutines& routines, const ConvolutionLayer& layer, int side, const float* points,
              const Finish& finish, const float* in, const ImageSizes& sizes, float* out, int threads) {
    const Tiling tiling(layer, sizes, side);
    const Index inputs = layer.inputs, outputs = layer.outputs, tile_size = Index{side} * side;
    const Index out_height = layer.length(sizes.height), out_width = layer.length(sizes.width);
    const Index given_height = finish.pooled ? parts(out_height, 2) : out_height;
    const Index given_width = finish.pooled ? parts(out_width, 2) : out_width;

    const Index rows = routines.rows, columns = routines.columns, panels = outputs / columns, number = sizeof(float);
    const Index bytes = std::max(least_block, tile_size * inputs * outputs * number / weights_per_block);
    const Index block = block_of(tiling.count, bytes, tile_size * (inputs + outputs) * number, rows);
    const Index in_stride = block * inputs + apart, out_stride = block * outputs + apart;
    const Index points_stride = outputs * inputs + apart;
    float* const transformed = scratch(tile_size * (in_stride + out_stride));
    float* const products = transformed + tile_size * in_stride;
    run_team(threads, [&](Member& member) {
        for (Index first = 0; first < tiling.count; first += block) {
            const Index count = std::min(block, tiling.count - first), filled = parts(count, rows) * rows;
            const auto mine = member.share(count);
            for (Index t = mine.begin; t < mine.end; ++t) {
                const auto place = tiling(first + t);
                routines.gather(side, tiling.pixels(place, in, sizes.height, sizes.width, inputs, layer.padding),
                               transformed + t * inputs, in_stride, columns);
            }
            if (member.index == 0)  // the last block of rows may be incomplete
                for (Index i = 0; i < tile_size; ++i)
                    std::fill(transformed + i * in_stride + count * inputs, transformed + i * in_stride + filled * inputs,
                              0.0f);
            member.wait();
            const auto my_panels = member.share(tile_size * panels);
            for (Index p = my_panels.begin; p < my_panels.end; ++p) {
                const Index i = p / panels, panel = p % panels;
                routines.multiply(filled, inputs, transformed + i * in_stride, inputs,
                                 points + i * points_stride + panel * inputs * columns,
                                 products + i * out_stride + panel * columns, outputs);
            }
            member.wait();
            for (Index t = mine.begin; t < mine.end; ++t) {
                const auto place = tiling(first + t);
                if (tiling.empty(place)) continue;
                const auto tile = tiling.pixels(place, out, given_height, given_width, outputs);
                routines.scatter(side, layer.filter_size, products + t * outputs, out_stride,
                                {tile, finish.bias, finish.rectified, finish.pooled, out_height, out_width});
            }
            member.wait();
        }
    });
}

void correlate(const ConvolutionRoutines& routines, const ConvolutionLayer& layer, int side, const float* in,
               const ImageSizes& sizes, const float* gradient, float* out, int threads) {
    const Tiling tiling(layer, sizes, side);
    const Index inputs = layer.inputs, outputs = layer.outputs, tile_size = Index{side} * side;
    const Index out_height = layer.length(sizes.height), out_width = layer.length(sizes.width);
    const Index columns = routines.columns, panels = inputs / columns, taps = Index{layer.filter_size} * layer.filter_size;
    const Index number = sizeof(float), sums_stride = outputs * inputs + apart;
    const Index bytes = std::max(least_block, tile_size * sums_stride * number);
    const Index block = block_of(tiling.count, bytes, tile_size * (inputs + outputs) * number, 1);
    const Index in_stride = block * inputs + apart, out_stride = block * outputs + apart;
    float* const transformed = scratch(tile_size * (in_stride + out_stride + sums_stride));
    float* const spread = transformed + tile_size * in_stride;
    float* const sums = spread + tile_size * out_stride;
    run_team(threads, [&](Member& member) {
        for (Index first = 0; first < tiling.count; first += block) {
            const Index count = std::min(block, tiling.count - first);
            const auto mine = member.share(count);
            for (Index t = mine.begin; t < mine.end; ++t) {
                const auto place = tiling(first + t);
                routines.gather(side, tiling.pixels(place, in, sizes.height, sizes.width, inputs, layer.padding),
                               transformed + t * columns, in_stride, block * columns);
                routines.spread(side, layer.filter_size, tiling.pixels(place, gradient, out_height, out_width, outputs),
                               spread + t * columns, out_stride, block * columns);
            }
            member.wait();
            const auto my_panels = member.share(tile_size * panels);
            for (Index p = my_panels.begin; p < my_panels.end; ++p) {
                const Index i = p / panels, panel = p % panels;
                routines.correlate(outputs, count, spread + i * out_stride, block * columns,
                                  transformed + i * in_stride + panel * block * columns,
                                  sums + i * sums_stride + panel * columns, inputs, first > 0);
            }
            member.wait();
        }
        float found[largest_filter * largest_filter * most_columns];  // (taps, columns)
        const auto mine = member.share(outputs * panels);
        for (Index i = mine.begin; i < mine.end; ++i) {
            routines.unweigh(side, layer.filter_size, sums + i * columns, sums_stride, found);
            for (Index c = 0; c < columns; ++c)
                for (Index t = 0; t < taps; ++t) out[(i * columns + c) * taps + t] = found[t * columns + c];
        }
    });
}

}  // namespace pixelwise
