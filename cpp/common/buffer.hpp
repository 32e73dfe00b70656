// Uninitialised memory at the start of a cache line. No Python here.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace pixelwise {

template <class T>
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(std::size_t size) { resize(size); }
    Buffer(Buffer&& other) noexcept { *this = std::move(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(large_, other.large_);
        return *this;
    }
    ~Buffer() { release(); }

    // The content is lost unless the size stays the same.
    void resize(std::size_t size) {
        if (size == size_) return;
        release();
        data_ = nullptr;
        size_ = 0;
        if (size > (static_cast<std::size_t>(-1) / 2) / sizeof(T)) throw std::bad_alloc();
        const std::size_t bytes = size * sizeof(T);
        large_ = bytes >= huge_page;
        data_ = static_cast<T*>(::operator new(bytes, large_ ? std::align_val_t{huge_page} : cache_line));
        size_ = size;
#if defined(__linux__)
        // Rows are visited in random order, so large pages help; if the system refuses them, nothing is lost.
        if (large_) static_cast<void>(madvise(data_, bytes / huge_page * huge_page, MADV_HUGEPAGE));
#endif
    }

    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }

  private:
    static constexpr std::align_val_t cache_line{64};
    static constexpr std::size_t huge_page = std::size_t{1} << 21;
    void release() {
        if (data_) ::operator delete(data_, large_ ? std::align_val_t{huge_page} : cache_line);
    }

    T* data_ = nullptr;
    std::size_t size_ = 0;
    bool large_ = false;
};

}  // namespace pixelwise
