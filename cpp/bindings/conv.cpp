// Python bindings of fast convolutions.
#include <memory>
#include <vector>

#include "bindings/bindings.hpp"
#include "conv/convolution.hpp"
#include "conv/winograd.hpp"

namespace {

template <class Images>
pixelwise::ImageSizes sizes_of(const Images& images) {
    const pixelwise::ImageSizes sizes = {size(images, 0), size(images, 1), size(images, 2)};
    require(sizes.count > 0 && sizes.height > 0 && sizes.width > 0 && sizes.count < (1 << 24) &&
                sizes.height < (1 << 24) && sizes.width < (1 << 24),
            "the images are empty or too large");
    return sizes;
}

// Calls may come from several threads at a time.
class ConvolutionHandle {
  public:
    ConvolutionHandle(Array<const float, 4> weights, Array<const float, 1> bias, int padding, int dilation, bool rectified,
                      bool pooled, int threads, const std::optional<std::string>& instructions) {
        const std::size_t outputs = weights.shape(0), inputs = weights.shape(1), filter_size = weights.shape(2);
        require(filter_size == weights.shape(3) && filter_size >= 3 && filter_size <= 7, "the filter is not square of 3 to 7 taps");
        const bool few = inputs <= pixelwise::few_channels;
        require(outputs > 0 && inputs > 0 && outputs % pixelwise::channel_step == 0 &&
                    (few || inputs % pixelwise::channel_step == 0) && outputs <= 65536 && inputs <= 65536,
                "the channels are not multiples of 32, or at most 8 inputs");
        require(bias.shape(0) == outputs, "the bias is not one number per output channel");
        require(padding >= 0 && padding <= 65536 && dilation >= 1 && dilation <= 65536,
                "padding or dilation are out of range");
        require_threads(threads);
        require(!pooled || (dilation == 1 && filter_size % 2 == 1 && !few), "pooling needs an odd filter without dilation");
        require(!few || dilation == 1, "at most 8 inputs are not convolved with dilation");
        const pixelwise::Routines& routines = routines_named(instructions);
        nb::gil_scoped_release released;
        convolution_ = std::make_unique<pixelwise::Convolution>(
            routines, weights.data(), bias.data(), static_cast<int>(outputs), static_cast<int>(inputs),
            static_cast<int>(filter_size), padding, dilation, rectified, pooled, threads);
    }

    std::ptrdiff_t length(std::ptrdiff_t in) const {
        require(in >= 0 && in < (1 << 24), "the size is negative or too large");
        return convolution_->length(in);
    }

    void run(Array<const float, 4> in, Array<float, 4> out, int threads) const {
        const pixelwise::ImageSizes sizes = sizes_of(in);
        require(size(in, 3) == convolution_->inputs() && size(out, 3) == convolution_->outputs(),
                "in or out has other channels than the convolution");
        const std::ptrdiff_t rows = convolution_->length(sizes.height), columns = convolution_->length(sizes.width);
        require(rows > 0 && columns > 0, "the filter is larger than the padded image");
        require(size(out, 0) == sizes.count && size(out, 1) == rows && size(out, 2) == columns,
                "out is not (N, length(height), length(width), outputs)");
        require_threads(threads);
        nb::gil_scoped_release released;
        convolution_->run(in.data(), sizes, out.data(), threads);
    }

  private:
    std::unique_ptr<const pixelwise::Convolution> convolution_;
};

// The layer of weights (outputs, inputs, filter_size, filter_size) between images and results, which are both (N, H, W, channels).
template <class Weights, class Images, class Results>
pixelwise::ConvolutionLayer layer_of(const Weights& weights, const Images& images, const Results& results, int padding,
                                     int dilation) {
    require(size(weights, 2) == size(weights, 3) && size(weights, 2) >= 3 && size(weights, 2) <= 7,
            "the filter is not square of 3 to 7 taps");
    require(padding >= 0 && padding <= 65536 && dilation >= 1 && dilation <= 65536, "padding or dilation are out of range");
    const pixelwise::ConvolutionLayer layer = {size(weights, 0), size(weights, 1), static_cast<int>(size(weights, 2)),
                                               padding, dilation};
    require(layer.transposed().padding >= 0, "the padding is larger than the filter");
    require(layer.outputs > 0 && layer.inputs > 0 && layer.outputs % pixelwise::channel_step == 0 &&
                layer.inputs % pixelwise::channel_step == 0 && layer.outputs <= 65536 && layer.inputs <= 65536,
            "the channels are not multiples of 32");
    const pixelwise::ImageSizes sizes = sizes_of(images), given = sizes_of(results);
    require(size(images, 3) == layer.inputs && size(results, 3) == layer.outputs && given.count == sizes.count &&
                given.height == layer.length(sizes.height) && given.width == layer.length(sizes.width),
            "images and results do not fit the weights");
    return layer;
}

// Points of weights that are used once, of the calling thread: asking the system for that much again takes long.
pixelwise::Buffer<float>& points() {
    thread_local pixelwise::Buffer<float> buffer;
    return buffer;
}

void convolve(Array<const float, 4> images, Array<const float, 4> weights, Array<const float, 1> bias, int padding,
              int dilation, bool rectified, Array<float, 4> out, int threads,
              const std::optional<std::string>& instructions) {
    const auto layer = layer_of(weights, images, out, padding, dilation);
    require(size(bias, 0) == layer.outputs, "bias is not one number per output channel");
    require_threads(threads);
    const auto& routines = *routines_named(instructions).convolution;
    nb::gil_scoped_release released;
    const auto sizes = sizes_of(images);
    const int side = best_side(layer, sizes);
    weigh_filters(routines, layer, side, weights.data(), false, points(), threads);
    convolve(routines, layer, side, points().data(), {bias.data(), rectified, false}, images.data(), sizes, out.data(),
             threads);
}

void convolve_back(Array<const float, 4> gradient, Array<const float, 4> weights, int padding, int dilation,
                   Array<float, 4> out, int threads, const std::optional<std::string>& instructions) {
    const auto layer = layer_of(weights, out, gradient, padding, dilation).transposed();
    require_threads(threads);
    const auto& routines = *routines_named(instructions).convolution;
    nb::gil_scoped_release released;
    const auto sizes = sizes_of(gradient);
    const int side = best_side(layer, sizes);
    const std::vector<float> zeros(static_cast<std::size_t>(layer.outputs), 0.0f);
    weigh_filters(routines, layer, side, weights.data(), true, points(), threads);
    convolve(routines, layer, side, points().data(), {zeros.data(), false, false}, gradient.data(), sizes, out.data(),
             threads);
}

void correlate(Array<const float, 4> images, Array<const float, 4> gradient, int padding, int dilation,
               Array<float, 4> out, int threads, const std::optional<std::string>& instructions) {
    const auto layer = layer_of(out, images, gradient, padding, dilation);
    require_threads(threads);
    const auto& routines = *routines_named(instructions).convolution;
    nb::gil_scoped_release released;
    const auto sizes = sizes_of(images);
    correlate(routines, layer, best_side(layer, sizes), images.data(), sizes, gradient.data(), out.data(), threads);
}

}  // namespace

void bind_convolution(nb::module_& module) {
    nb::class_<ConvolutionHandle>(module, "Convolution",
                                  "A convolution of stride 1 with bias, and perhaps ReLU and 2 x 2 max pooling.")
        .def(nb::init<Array<const float, 4>, Array<const float, 1>, int, int, bool, bool, int,
                      const std::optional<std::string>&>(),
             "weights"_a, "bias"_a, "padding"_a, "dilation"_a, "rectified"_a, "pooled"_a,
             "threads"_a, "instructions"_a = nb::none())
        .def("length", &ConvolutionHandle::length, "size"_a, "Rows (or columns) of the result for this many of the image.")
        .def("run", &ConvolutionHandle::run, "images"_a, "out"_a, "threads"_a,
             "Fill out (N, length(H), length(W), outputs) from the images (N, H, W, inputs).");
    module.def("convolve", &convolve, "images"_a, "weights"_a, "bias"_a, "padding"_a,
               "dilation"_a, "rectified"_a, "out"_a, "threads"_a, "instructions"_a = nb::none(),
               "Fill out (N, H', W', outputs) from images (N, H, W, inputs) with weights (outputs, inputs, k, k), and "
               "perhaps ReLU.");
    module.def("convolve_back", &convolve_back, "gradient"_a, "weights"_a, "padding"_a,
               "dilation"_a, "out"_a, "threads"_a, "instructions"_a = nb::none(),
               "Fill out (N, H, W, inputs) with the gradient of a convolution's images from that of its results.");
    module.def("correlate", &correlate, "images"_a, "gradient"_a, "padding"_a, "dilation"_a,
               "out"_a, "threads"_a, "instructions"_a = nb::none(),
               "Fill out (outputs, inputs, k, k) with the gradient of a convolution's weights from that of its results.");
}
