// The layout of channels in the loops of a convolution, and the block of products that stays in registers. Sources that
// include this file are compiled once per instruction set.
#pragma once

#include "common/dispatch_isa.hpp"
#include "common/simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {

using Index = std::ptrdiff_t;
using Vector = Float<lanes>;

constexpr int pair = 2;  // vectors side by side: a cache line with 8 lanes, so that no cache line is written in two halves
constexpr int block_rows = lanes == 16 ? 12 : 6, block_columns = pair * lanes;

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
