// Declares the parts of the dispatch table of each instruction set.
#pragma once

#include "common/dispatch.hpp"

#define PIXELWISE_DECLARE(isa)                                                          \
    namespace isa {                                                                     \
    void locate(const Points& points, std::int32_t* simplex, float* weight);            \
    void simplex_keys(const KeyFields& fields, int word, const std::int32_t* simplex,   \
                      int count, int stride, std::uint64_t* keys, int words);           \
    void vertex_keys(const KeyFields& fields, int word, const std::int32_t* simplex,    \
                     int count, int stride, std::uint64_t* keys, int words);            \
    void find_keys(const KeySlots& table, const std::uint64_t* keys,                    \
                   const std::uint64_t* hashes, int count, std::int32_t* numbers);      \
    void blur(const Link* links, std::ptrdiff_t count, const Rows& rows);               \
    void largest(const float* rows, std::ptrdiff_t count, int width, float* most);      \
    void scale(float* rows, int count, int width, const float* factors);                \
    void move_add(float* to, float* from, std::ptrdiff_t count);                        \
    void transform(const Rows& rows, std::ptrdiff_t begin, std::ptrdiff_t end,          \
                   const float* matrix, float* scratch);                                \
    void transpose(const float* from, std::ptrdiff_t from_step, int rows, int columns,  \
                   float* to, std::ptrdiff_t to_step);                                  \
    void pick(const float* from, const std::int32_t* order, std::int32_t first,         \
              int count, int width, float* to);                                         \
    void place(const float* from, const std::int32_t* order, std::int32_t first,        \
               int count, int width, float* to);                                        \
    void multiply(std::ptrdiff_t count, std::ptrdiff_t depth, const float* a,           \
                  std::ptrdiff_t a_stride, const float* b, float* c,                    \
                  std::ptrdiff_t c_stride);                                             \
    void correlate(std::ptrdiff_t count, std::ptrdiff_t depth, const float* a,          \
                   std::ptrdiff_t a_panel, const float* b, float* c,                    \
                   std::ptrdiff_t c_stride, bool add);                                  \
    extern const ConvolutionRoutines convolution_routines;                                \
    extern const LearningRoutines learning_routines;                                      \
    extern const ResamplingRoutines resampling_routines;                                  \
    extern const Routines routines;                                                       \
    }

namespace pixelwise {
PIXELWISE_DECLARE(baseline)
PIXELWISE_DECLARE(avx2)
PIXELWISE_DECLARE(avx512)
}  // namespace pixelwise

#undef PIXELWISE_DECLARE
