// The Python face of fast convolutions.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <optional>
#include <string>

#include "convolution.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <typename T, int Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

void require(bool condition, const char* message) {
    if (!condition) throw nb::value_error(message);
}

// Calls may come from several threads at a time.
class ConvolutionHandle {
  public:
    ConvolutionHandle(Array<const float, 4> weights, Array<const float, 1> bias, int padding, int dilation, bool rectified,
                      bool pooled, int threads, const std::optional<std::string>& instructions) {
        const std::size_t outputs = weights.shape(0), inputs = weights.shape(1), kernel = weights.shape(2);
        require(kernel == weights.shape(3) && kernel >= 3 && kernel <= 7, "the kernel is not square of 3 to 7 taps");
        const bool few = inputs <= pixelwise::few_channels;
        require(outputs > 0 && inputs > 0 && outputs % pixelwise::channel_step == 0 &&
                    (few || inputs % pixelwise::channel_step == 0) && outputs <= 65536 && inputs <= 65536,
                "the channels are not multiples of 32, or at most 8 inputs");
        require(bias.shape(0) == outputs, "the bias is not one number per output channel");
        require(padding >= 0 && padding <= 65536 && dilation >= 1 && dilation <= 65536 && threads > 0,
                "padding, dilation or threads are out of range");
        require(!pooled || (dilation == 1 && kernel % 2 == 1 && !few), "pooling needs an odd kernel without dilation");
        require(!few || dilation == 1, "at most 8 inputs are not convolved with dilation");
        const pixelwise::Kernels* kernels = pixelwise::find_kernels(instructions ? instructions->c_str() : nullptr);
        require(kernels != nullptr, "this processor does not run these instructions, or they were not built in");
        nb::gil_scoped_release released;
        convolution_ = std::make_unique<pixelwise::Convolution>(
            *kernels, weights.data(), bias.data(), static_cast<int>(outputs), static_cast<int>(inputs),
            static_cast<int>(kernel), padding, dilation, rectified, pooled, threads);
    }

    std::ptrdiff_t length(std::ptrdiff_t in) const { return convolution_->length(in); }

    void run(Array<const float, 3> in, Array<float, 3> out, int threads) const {
        const auto height = static_cast<std::ptrdiff_t>(in.shape(0)), width = static_cast<std::ptrdiff_t>(in.shape(1));
        require(height > 0 && width > 0 && height < (1 << 24) && width < (1 << 24), "the image is empty or too large");
        require(static_cast<std::ptrdiff_t>(in.shape(2)) == convolution_->inputs() &&
                    static_cast<std::ptrdiff_t>(out.shape(2)) == convolution_->outputs(),
                "in or out has other channels than the convolution");
        const std::ptrdiff_t rows = length(height), columns = length(width);
        require(rows > 0 && columns > 0, "the kernel is larger than the padded image");
        require(static_cast<std::ptrdiff_t>(out.shape(0)) == rows && static_cast<std::ptrdiff_t>(out.shape(1)) == columns,
                "out is not (length(height), length(width), outputs)");
        require(threads > 0, "threads must be positive");
        nb::gil_scoped_release released;
        convolution_->run(in.data(), height, width, out.data(), threads);
    }

  private:
    std::unique_ptr<const pixelwise::Convolution> convolution_;
};

}  // namespace

void bind_convolution(nb::module_& module) {
    nb::class_<ConvolutionHandle>(module, "Convolution",
                                  "A convolution of stride 1 with bias, and perhaps ReLU and 2 x 2 max pooling.")
        .def(nb::init<Array<const float, 4>, Array<const float, 1>, int, int, bool, bool, int,
                      const std::optional<std::string>&>(),
             "weights"_a.noconvert(), "bias"_a.noconvert(), "padding"_a, "dilation"_a, "rectified"_a, "pooled"_a,
             "threads"_a, "instructions"_a = nb::none())
        .def("length", &ConvolutionHandle::length, "size"_a, "Rows (or columns) of the result for so many of the image.")
        .def("run", &ConvolutionHandle::run, "image"_a.noconvert(), "out"_a.noconvert(), "threads"_a,
             "Fill out (length(H), length(W), outputs) from the image (H, W, inputs).");
}
