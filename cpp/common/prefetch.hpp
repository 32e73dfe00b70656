// Asks for memory that will be read soon. No Python here.
#pragma once

namespace pixelwise {

inline void prefetch(const void* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    (void)address;
#endif
}

}  // namespace pixelwise
