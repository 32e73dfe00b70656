// How the loops of a convolution hold channels, and the block of products that stays in registers. Sources that include
// this file are compiled once per instruction set.
#pragma once

#include "common/dispatch_isa.hpp"
#include "common/simd.hpp"

namespace pixelwise {
namespace PIXELWISE_ISA {

using Index = std::ptrdiff_t;
using Vector = Float<lanes>;

constexpr int pair = 2;  // vectors side by side: a cache line with 8 lanes, so that none is written by halves
constexpr int block_rows = lanes == 16 ? 12 : 6, block_columns = pair * lanes;

}  // namespace PIXELWISE_ISA
}  // namespace pixelwise
