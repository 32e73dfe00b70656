// Declares, per instruction set, the parts of its kernel table: they are separate sources with flags of their own.
#pragma once

#include "kernels.hpp"

#define PIXELWISE_DECLARE(isa)                                                          \
    namespace isa {                                                                     \
    void locate(const Points& points, std::int32_t* simplex, float* weight);            \
    extern const ConvolutionKernels convolution_kernels;                                \
    extern const Kernels kernels;                                                       \
    }

namespace pixelwise {
PIXELWISE_DECLARE(baseline)
PIXELWISE_DECLARE(avx2)
PIXELWISE_DECLARE(avx512)
}  // namespace pixelwise

#undef PIXELWISE_DECLARE
