// What the sources of the Python face share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstddef>
#include <optional>
#include <string>

#include "kernels.hpp"

namespace nb = nanobind;
using namespace nb::literals;

void bind_crf(nb::module_& module);          // in bindings_crf.cpp
void bind_convolution(nb::module_& module);  // in bindings_conv.cpp
void bind_learning(nb::module_& module);     // in bindings_learning.cpp

template <typename T, int Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

inline void require(bool condition, const char* message) {
    if (!condition) throw nb::value_error(message);
}

template <class Any>
std::ptrdiff_t size(const Any& array, std::size_t axis) {
    return static_cast<std::ptrdiff_t>(array.shape(axis));
}

// The kernels of an instruction set, by default the best one that the processor runs.
inline const pixelwise::Kernels& kernels_named(const std::optional<std::string>& instructions) {
    const pixelwise::Kernels* kernels = pixelwise::find_kernels(instructions ? instructions->c_str() : nullptr);
    require(kernels != nullptr, "this processor does not run these instructions, or they were not built in");
    return *kernels;
}
