// Python bindings for training, except for convolutions.
#include "bindings/bindings.hpp"
#include "learn/learning.hpp"

namespace {

double cross_entropy(Array<const float, 2> scores, Array<const std::uint8_t, 1> labels, Array<const float, 1> weights,
                     float scale, std::optional<Array<float, 2>> gradient, int threads,
                     const std::optional<std::string>& instructions) {
    require(scores.shape(0) == labels.shape(0), "scores and labels differ in pixels");
    require(scores.shape(1) == weights.shape(0) && scores.shape(1) > 0 && scores.shape(1) <= pixelwise::most_classes,
            "weights are not one number per class, of which there are 1 to 256");
    require(!gradient || (gradient->shape(0) == scores.shape(0) && gradient->shape(1) == scores.shape(1)),
            "the gradient is not as large as the scores");
    require_threads(threads);
    const pixelwise::Routines& routines = routines_named(instructions);
    nb::gil_scoped_release released;
    const pixelwise::ScoredPixels pixels = {scores.data(), labels.data(), weights.data(),
                                            static_cast<int>(scores.shape(1))};
    return pixelwise::cross_entropy(routines, pixels, static_cast<std::ptrdiff_t>(scores.shape(0)), scale,
                                    gradient ? gradient->data() : nullptr, threads);
}

void correlate_depthwise(Array<const float, 4> images, Array<const float, 4> gradient, int stride, int padding,
                         int dilation, Array<float, 3> out, int threads, const std::optional<std::string>& instructions) {
    const pixelwise::DepthwiseLayer layer = {size(out, 0), static_cast<int>(out.shape(1)), stride, padding, dilation};
    require(out.shape(1) == out.shape(2) && (layer.filter_size == 3 || layer.filter_size == 5),
            "the filter is not square of 3 or 5 taps");
    require(layer.channels > 0 && layer.channels % pixelwise::depthwise_step == 0, "the channels are not multiples of 16");
    require(stride >= 1 && stride <= 65536 && padding >= 0 && padding <= 65536 && dilation >= 1 && dilation <= 65536,
            "stride, padding or dilation are out of range");
    require_threads(threads);
    const pixelwise::DepthwiseMaps maps = {images.data(),   gradient.data(), size(images, 0),  size(images, 1),
                                           size(images, 2), size(gradient, 1), size(gradient, 2)};
    const auto length = [&](std::ptrdiff_t in) {
        const std::ptrdiff_t room = in + 2 * std::ptrdiff_t{padding} - std::ptrdiff_t{dilation} * (layer.filter_size - 1) - 1;
        return room < 0 ? 0 : room / stride + 1;
    };
    require(size(images, 3) == layer.channels && size(gradient, 3) == layer.channels && size(gradient, 0) == maps.count &&
                maps.out_height == length(maps.height) && maps.out_width == length(maps.width),
            "images and gradient do not fit the filter");
    const pixelwise::Routines& routines = routines_named(instructions);
    nb::gil_scoped_release released;
    pixelwise::correlate_depthwise(routines, layer, maps, out.data(), threads);
}

}  // namespace

void bind_learning(nb::module_& module) {
    module.def("cross_entropy", &cross_entropy, "scores"_a, "labels"_a, "weights"_a,
               "scale"_a, "gradient"_a.none(), "threads"_a, "instructions"_a = nb::none(),
               "The sum over pixels of the weighted cross-entropy of scores (pixels, classes), in nats; fill in the gradient "
               "of `scale` times it. Labels of 255 do not count.");
    module.def("correlate_depthwise", &correlate_depthwise, "images"_a, "gradient"_a, "stride"_a,
               "padding"_a, "dilation"_a, "out"_a, "threads"_a, "instructions"_a = nb::none(),
               "Fill out (channels, k, k) with the gradient of a depthwise convolution's weights from that of its results.");
}
