// Drives convolutions, their gradients and the loss, on memory of exactly the size that they ask for.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "checks.hpp"
#include "conv/convolution.hpp"
#include "learn/learning.hpp"
#include "conv/winograd.hpp"

using namespace pixelwise;

namespace {

double product(const Floats& a, const Floats& b) {
    double total = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) total += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return total;
}

// <gradient, conv(x, w)> is linear in x and in w, so it is also <x, its gradient> and <w, its gradient>.
void run_gradients(const Routines& routines, const ConvolutionLayer& layer, const ImageSizes& sizes, int threads) {
    Random random(0);
    const Index out_height = layer.length(sizes.height), out_width = layer.length(sizes.width);
    const Index taps = Index{layer.filter_size} * layer.filter_size;
    const Floats x = random.normals(sizes.count * sizes.height * sizes.width * layer.inputs, 1.0f);
    const Floats w = random.normals(layer.outputs * layer.inputs * taps, 0.1f);
    const Floats gradient = random.normals(sizes.count * out_height * out_width * layer.outputs, 1.0f);
    const Floats zeros(size(std::max(layer.outputs, layer.inputs)));
    const ConvolutionRoutines& own = *routines.convolution;
    Floats results(gradient.size()), to_x(x.size()), to_w(w.size());
    Buffer<float> points;
    const int side = best_side(layer, sizes);
    weigh_filters(own, layer, side, w.data(), false, points, threads);
    convolve(own, layer, side, points.data(), {zeros.data(), false, false}, x.data(), sizes, results.data(), threads);
    const ConvolutionLayer back = layer.transposed();
    const ImageSizes result_sizes = {sizes.count, out_height, out_width};
    const int back_side = best_side(back, result_sizes);
    weigh_filters(own, back, back_side, w.data(), true, points, threads);
    convolve(own, back, back_side, points.data(), {zeros.data(), false, false}, gradient.data(), result_sizes, to_x.data(),
             threads);
    correlate(own, layer, side, x.data(), sizes, gradient.data(), to_w.data(), threads);
    const double expected = product(gradient, results), scale = std::sqrt(product(results, results) + 1.0);
    require(std::abs(product(x, to_x) - expected) < 1e-3 * scale, "the gradient of images is wrong", expected);
    require(std::abs(product(w, to_w) - expected) < 1e-3 * scale, "the gradient of weights is wrong", expected);
}

void run_inference(const Routines& routines, int inputs, int kernel, bool pooled, int threads) {
    Random random(0);
    const Floats w = random.normals(Index{32} * inputs * kernel * kernel, 0.1f), bias = random.normals(32, 1.0f);
    const Convolution convolution(routines, w.data(), bias.data(), 32, inputs, kernel, kernel / 2, 1, true, pooled, threads);
    const ImageSizes sizes = {2, 9, 13};
    const Floats x = random.normals(sizes.count * sizes.height * sizes.width * inputs, 1.0f);
    Floats out(size(sizes.count * convolution.length(sizes.height) * convolution.length(sizes.width) * 32));
    convolution.run(x.data(), sizes, out.data(), threads);
    require(*std::min_element(out.begin(), out.end()) >= 0.0f, "a rectified result is negative");
}

void run_loss(const Routines& routines, int classes, Index pixels, int threads) {
    Random random(0);
    const Floats scores = random.normals(pixels * classes, 3.0f), weights(size(classes), 1.0f);
    std::vector<std::uint8_t> labels(size(pixels));
    for (std::uint8_t& label : labels) label = static_cast<std::uint8_t>(random.below(4) ? random.below(classes) : ignored);
    Floats gradient(scores.size(), 1.0f);
    const ScoredPixels scored = {scores.data(), labels.data(), weights.data(), classes};
    const double loss = cross_entropy(routines, scored, pixels, 1.0f, gradient.data(), threads);
    require(loss > -1e-3, "the loss is negative", loss);
    for (Index i = 0; i < pixels; ++i) {
        double sum = 0.0;
        for (int c = 0; c < classes; ++c) sum += static_cast<double>(gradient[size(i * classes + c)]);
        require(std::abs(sum) < 1e-5, "the gradient of a pixel does not add up to 0", sum);
    }
    if (classes == 255) return;
    labels.back() = 254;
    try {
        cross_entropy(routines, scored, pixels, 1.0f, nullptr, threads);
    } catch (const std::invalid_argument&) {
        return;
    }
    require(false, "a label that is not a class was taken");
}

void run_depthwise(const Routines& routines, int kernel, int stride, int threads) {
    Random random(0);
    const DepthwiseLayer layer = {48, kernel, stride, kernel / 2, 1};
    const Index height = 7, width = 10, out_height = (height - 1) / stride + 1, out_width = (width - 1) / stride + 1;
    const Floats x(size(2 * height * width * 48), 1.0f), gradient = random.normals(2 * out_height * out_width * 48, 1.0f);
    Floats out(size(Index{48} * kernel * kernel));
    correlate_depthwise(routines, layer, {x.data(), gradient.data(), 2, height, width, out_height, out_width}, out.data(),
                        threads);
    double sum = 0.0;  // the tap in the middle sees a 1 everywhere
    for (std::size_t i = 0; i < gradient.size(); i += 48) sum += static_cast<double>(gradient[i]);
    const double found = static_cast<double>(out[size(kernel * kernel / 2)]);
    require(std::abs(found - sum) < 1e-3, "the gradient of the middle tap is not the sum", found);
}

}  // namespace

void run_learning(const std::vector<const Routines*>& sets) {
    for (const Routines* routines : sets)
        for (const int threads : {1, 3}) {
            context = std::string("learning with ") + routines->name;
            for (const int kernel : {3, 4, 5, 6, 7}) run_gradients(*routines, {64, 32, kernel, 1, 1}, {2, 9, 20}, threads);
            run_gradients(*routines, {32, 32, 3, 12, 12}, {1, 5, 31}, threads);
            run_gradients(*routines, {32, 64, 3, 2, 2}, {3, 13, 1}, threads);
            run_gradients(*routines, {256, 256, 3, 1, 1}, {1, 40, 41}, threads);  // more than a block of tiles
            for (const int inputs : {3, 32}) run_inference(*routines, inputs, 3, inputs == 32, threads);
            for (const int classes : {1, 5, 16, 21, 33, 255})
                for (const Index pixels : {1, 2, 50}) run_loss(*routines, classes, pixels, threads);
            for (const int stride : {1, 2})
                for (const int kernel : {3, 5}) run_depthwise(*routines, kernel, stride, threads);
        }
}
