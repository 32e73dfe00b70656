#include "convolution.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "threads.hpp"

namespace pixelwise {
namespace {

// Blocks of tiles are so large that the shared cache holds them, or larger, as the weights are read once for every block.
constexpr std::ptrdiff_t least_block = std::ptrdiff_t{4} << 20, weights_per_block = 4;  // bytes, and a ratio
// Rows of one tile lie this much further apart than they are long, lest all fall into the same few lines of a cache.
constexpr std::ptrdiff_t apart = 48;

std::ptrdiff_t parts(std::ptrdiff_t whole, std::ptrdiff_t size) { return (whole + size - 1) / size; }

// What the kernel's taps become along one axis: (8, kernel).
void weigh(int kernel, double* factors) {
    constexpr double points[] = {0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5};
    constexpr double scales[] = {1.0, -2.0 / 9, -2.0 / 9, 1.0 / 90, 1.0 / 90, 1.0 / 45, 1.0 / 45};
    for (int i = 0; i < tile_side - 1; ++i) {
        double power = scales[i];
        for (int k = 0; k < kernel; ++k, power *= points[i]) factors[i * kernel + k] = power;
    }
    for (int k = 0; k < kernel; ++k) factors[(tile_side - 1) * kernel + k] = k == kernel - 1 ? 1.0 : 0.0;
}

}  // namespace

Convolution::Convolution(const Kernels& kernels, const float* weights, const float* bias, int outputs, int inputs,
                         int kernel, int padding, int dilation, bool rectified, bool pooled, int threads)
    : kernels_(*kernels.convolution),
      outputs_(outputs),
      inputs_(inputs),
      kernel_(kernel),
      padding_(padding),
      dilation_(dilation),
      rectified_(rectified),
      pooled_(pooled),
      bias_(static_cast<std::size_t>(outputs)) {
    std::copy(bias, bias + outputs, bias_.data());
    const std::ptrdiff_t taps = std::ptrdiff_t{kernel} * kernel;
    weights_.resize(static_cast<std::size_t>(outputs_ * inputs_ * (few() ? taps : tile_size)));
    if (!few()) {
        transform(weights, threads);
        return;
    }
    const std::ptrdiff_t columns = kernels_.columns;
    for (std::ptrdiff_t o = 0; o < outputs_; ++o)
        for (std::ptrdiff_t c = 0; c < inputs_; ++c)
            for (std::ptrdiff_t t = 0; t < taps; ++t) {
                const std::ptrdiff_t place = (t % kernel * kernel + t / kernel) * inputs_ + c;  // as run_rows has them
                weights_[static_cast<std::size_t>((o / columns * taps * inputs_ + place) * columns + o % columns)] =
                    weights[(o * inputs_ + c) * taps + t];
            }
}

void Convolution::transform(const float* weights, int threads) {
    double factors[tile_side * 7];
    weigh(kernel_, factors);
    const std::ptrdiff_t columns = kernels_.columns, kernel = kernel_;
    run_team(threads, [&](Member& member) {
        const auto mine = member.share(outputs_, columns);
        for (std::ptrdiff_t o = mine.begin; o < mine.end; ++o)
            for (std::ptrdiff_t c = 0; c < inputs_; ++c) {
                const float* const taps = weights + (o * inputs_ + c) * kernel * kernel;
                double half[tile_side * 7];  // (8, kernel): the rows done
                for (std::ptrdiff_t i = 0; i < tile_side; ++i)
                    for (std::ptrdiff_t x = 0; x < kernel; ++x) {
                        double total = 0.0;
                        for (std::ptrdiff_t y = 0; y < kernel; ++y) total += factors[i * kernel + y] * taps[y * kernel + x];
                        half[i * kernel + x] = total;
                    }
                float* const out = weights_.data() + (o / columns * inputs_ + c) * columns + o % columns;
                for (std::ptrdiff_t i = 0; i < tile_side; ++i)
                    for (std::ptrdiff_t j = 0; j < tile_side; ++j) {
                        double total = 0.0;
                        for (std::ptrdiff_t x = 0; x < kernel; ++x) total += half[i * kernel + x] * factors[j * kernel + x];
                        out[(i * tile_side + j) * outputs_ * inputs_] = static_cast<float>(total);
                    }
            }
    });
}

std::ptrdiff_t Convolution::full_length(std::ptrdiff_t in) const {
    return in + 2 * padding_ - std::ptrdiff_t{dilation_} * (kernel_ - 1);
}

std::ptrdiff_t Convolution::length(std::ptrdiff_t in) const {
    return pooled_ ? parts(full_length(in), 2) : full_length(in);
}

void Convolution::run(const float* in, std::ptrdiff_t height, std::ptrdiff_t width, float* out, int threads) const {
    few() ? run_rows(in, height, width, out, threads) : run_tiles(in, height, width, out, threads);
}

void Convolution::run_tiles(const float* in, std::ptrdiff_t height, std::ptrdiff_t width, float* out,
                            int threads) const {
    const std::ptrdiff_t size = tile_side + 1 - kernel_, step = dilation_;
    const std::ptrdiff_t out_height = full_length(height), out_width = full_length(width);
    // With dilation the image falls into step * step images of every step-th pixel, each with its own tiles.
    const std::ptrdiff_t phases_down = std::min(step, out_height), phases_across = std::min(step, out_width);
    const std::ptrdiff_t down = parts(parts(out_height, step), size), across = parts(parts(out_width, step), size);
    const std::ptrdiff_t tiles = phases_down * phases_across * down * across;

    const std::ptrdiff_t rows = kernels_.rows, columns = kernels_.columns, panels = outputs_ / columns;
    const std::ptrdiff_t number = sizeof(float);
    const std::ptrdiff_t bytes = std::max(least_block, tile_size * inputs_ * outputs_ * number / weights_per_block);
    const std::ptrdiff_t fitting = bytes / (tile_size * (inputs_ + outputs_) * number);
    const std::ptrdiff_t block = parts(std::min(tiles, fitting), rows) * rows;
    const std::ptrdiff_t in_stride = block * inputs_ + apart, out_stride = block * outputs_ + apart;
    thread_local Buffer<float> scratch;  // of the calling thread; the system takes long to give so much anew
    const std::size_t needed = static_cast<std::size_t>(tile_size * (in_stride + out_stride));
    if (scratch.size() < needed) scratch.resize(needed);
    float* const transformed = scratch.data();
    float* const products = transformed + tile_size * in_stride;

    // The first result of a tile.
    const auto place = [&](std::ptrdiff_t tile, std::ptrdiff_t& row, std::ptrdiff_t& column) {
        const std::ptrdiff_t x = tile % across, y = tile / across % down, phase = tile / across / down;
        row = phase / phases_across + y * size * step;
        column = phase % phases_across + x * size * step;
    };
    run_team(threads, [&](Member& member) {
        for (std::ptrdiff_t first = 0; first < tiles; first += block) {
            const std::ptrdiff_t count = std::min(block, tiles - first), filled = parts(count, rows) * rows;
            const auto mine = member.share(count);
            std::ptrdiff_t row, column;
            for (std::ptrdiff_t t = mine.begin; t < mine.end; ++t) {
                place(first + t, row, column);
                kernels_.gather({in, height, width, inputs_, row - padding_, column - padding_, step},
                                transformed + t * inputs_, in_stride);
            }
            if (member.index == 0)  // the last block of rows may be less than full
                for (int i = 0; i < tile_size; ++i)
                    std::fill(transformed + i * in_stride + count * inputs_, transformed + i * in_stride + filled * inputs_,
                              0.0f);
            member.wait();
            const auto my_panels = member.share(tile_size * panels);
            for (std::ptrdiff_t p = my_panels.begin; p < my_panels.end; ++p) {
                const std::ptrdiff_t i = p / panels, panel = p % panels;
                kernels_.multiply(filled, inputs_, transformed + i * in_stride, inputs_,
                                  weights_.data() + p * inputs_ * columns,
                                  products + i * out_stride + panel * columns, outputs_);
            }
            member.wait();
            for (std::ptrdiff_t t = mine.begin; t < mine.end; ++t) {
                place(first + t, row, column);
                if (row >= out_height || column >= out_width) continue;  // some phases are a tile shorter
                const Pixels<float> tile = {out, length(height), length(width), outputs_, row, column, step};
                kernels_.scatter(kernel_, products + t * outputs_, out_stride,
                                 {tile, bias_.data(), rectified_, pooled_, out_height, out_width});
            }
            member.wait();
        }
    });
}

// Each row of results from a strip of the rows it sees, column after column: the taps of one result are then neighbours,
// and those of the next result begin a column further.
void Convolution::run_rows(const float* in, std::ptrdiff_t height, std::ptrdiff_t width, float* out, int threads) const {
    const std::ptrdiff_t out_height = full_length(height), out_width = full_length(width);
    const std::ptrdiff_t rows = kernels_.rows, columns = kernels_.columns, filled = parts(out_width, rows) * rows;
    const std::ptrdiff_t column = kernel_ * inputs_, depth = kernel_ * column;
    const float least = rectified_ ? 0.0f : -std::numeric_limits<float>::infinity();
    std::vector<Buffer<float>> buffers;
    for (int i = 0; i < threads; ++i)
        buffers.emplace_back(static_cast<std::size_t>((filled + kernel_) * column + filled * outputs_));
    run_team(threads, [&](Member& member) {
        float* const strip = buffers[static_cast<std::size_t>(member.index)].data();
        float* const sums = strip + (filled + kernel_) * column;
        std::fill(strip, sums, 0.0f);
        const auto mine = member.share(out_height);
        for (std::ptrdiff_t y = mine.begin; y < mine.end; ++y) {
            for (std::ptrdiff_t i = 0; i < kernel_; ++i) {
                const std::ptrdiff_t row = y - padding_ + i;
                const bool inside = row >= 0 && row < height;
                for (std::ptrdiff_t x = 0; x < width; ++x)
                    for (std::ptrdiff_t c = 0; c < inputs_; ++c)
                        strip[(x + padding_) * column + i * inputs_ + c] =
                            inside ? in[(row * width + x) * inputs_ + c] : 0.0f;
            }
            for (std::ptrdiff_t first = 0; first < outputs_; first += columns)
                kernels_.multiply(filled, depth, strip, column, weights_.data() + first * depth, sums + first, outputs_);
            float* const to = out + y * out_width * outputs_;
            for (std::ptrdiff_t x = 0; x < out_width; ++x)
                for (std::ptrdiff_t o = 0; o < outputs_; ++o) {
                    const float value = sums[x * outputs_ + o] + bias_[static_cast<std::size_t>(o)];
                    to[x * outputs_ + o] = value < least ? least : value;
                }
        }
    });
}

}  // namespace pixelwise
