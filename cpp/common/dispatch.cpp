#include <cstring>

#include "common/dispatch_isa.hpp"

#if defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>
#elif defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
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

#if defined(PIXELWISE_WITH_AVX2)
// A register of the processor's description: leaf 7, `part` 0 or 1; 0 if there is no such part.
unsigned described(unsigned part, int place) {
#if defined(__GNUC__) || defined(__clang__)
    unsigned leaf[4] = {};
    if (!__get_cpuid_count(7, 0, leaf, leaf + 1, leaf + 2, leaf + 3) || leaf[0] < part) return 0;
    __cpuid_count(7, part, leaf[0], leaf[1], leaf[2], leaf[3]);
    return leaf[place];
#else
    int leaf[4];
    __cpuidex(leaf, 7, 0);
    if (static_cast<unsigned>(leaf[0]) < part) return 0;
    __cpuidex(leaf, 7, static_cast<int>(part));
    return static_cast<unsigned>(leaf[place]);
#endif
}
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

bool has_int8_products() {
#if defined(PIXELWISE_WITH_AVX2)
    const bool avx512_vnni = (described(0, 2) & 1u << 11) != 0, avx_vnni = (described(1, 0) & 1u << 4) != 0;
    return (avx512_vnni && runs_avx512()) || (avx_vnni && runs_avx2());
#elif defined(__aarch64__) && defined(__linux__)
    return (getauxval(AT_HWCAP) & 1ul << 20) != 0;  // HWCAP_ASIMDDP
#elif defined(__aarch64__) && defined(__APPLE__)
    int there = 0;
    std::size_t bytes = sizeof there;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &there, &bytes, nullptr, 0) == 0 && there != 0;
#else
    return false;
#endif
}

const Routines* find_routines(const char* force) {
    if (force) return named(force);
    if (const Routines* found = named("avx512")) return found;
    if (const Routines* found = named("avx2")) return found;
    return &baseline::routines;
}

}  // namespace pixelwise
