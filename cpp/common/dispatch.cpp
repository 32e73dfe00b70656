#include <cstring>

#include "common/dispatch_isa.hpp"

#if defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>
#endif

// PIXELWISE_WITH_AVX2 and PIXELWISE_WITH_AVX512 are set by the build where it compiles those sets.

namespace pixelwise {
namespace {

#if defined(PIXELWISE_WITH_AVX2)
#if defined(__GNUC__) || defined(__clang__)
bool runs_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool runs_avx512() {
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}
#else
// True if the processor has these bits of leaf 7's EBX and the system saves the registers that `state` names.
bool has(int features, unsigned long long state) {
    int leaf[4];
    __cpuid(leaf, 0);
    if (leaf[0] < 7) return false;
    __cpuid(leaf, 1);
    const int osxsave = 1 << 27, fma = 1 << 12;
    if ((leaf[2] & osxsave) == 0 || (leaf[2] & fma) == 0) return false;
    if ((_xgetbv(0) & state) != state) return false;
    __cpuidex(leaf, 7, 0);
    return (leaf[1] & features) == features;
}
bool runs_avx2() { return has(1 << 5, 0x6); }
bool runs_avx512() { return has(1 << 5 | 1 << 16 | 1 << 17 | 1 << 30 | static_cast<int>(1u << 31), 0xe6); }
#endif
#endif

const Routines* named(const char* name) {
#if defined(PIXELWISE_WITH_AVX512)
    if (std::strcmp(name, "avx512") == 0 && runs_avx512()) return &avx512::routines;
#endif
#if defined(PIXELWISE_WITH_AVX2)
    if (std::strcmp(name, "avx2") == 0 && runs_avx2()) return &avx2::routines;
#endif
    return std::strcmp(name, "baseline") == 0 ? &baseline::routines : nullptr;
}

}  // namespace

const Routines* find_routines(const char* force) {
    if (force) return named(force);
    if (const Routines* found = named("avx512")) return found;
    if (const Routines* found = named("avx2")) return found;
    return &baseline::routines;
}

}  // namespace pixelwise
