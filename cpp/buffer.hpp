// Uninitialised memory at the start of a cache line. No Python here.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace pixelwise {

template <class T>
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(std::size_t size) { resize(size); }
    Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Buffer() { release(); }

    // What was there is lost, unless the size stays.
    void resize(std::size_t size) {
        if (size == size_) return;
        release();
        data_ = nullptr;
        size_ = 0;
        if (size > (static_cast<std::size_t>(-1) / 2) / sizeof(T)) throw std::bad_alloc();
        data_ = static_cast<T*>(::operator new(size * sizeof(T), alignment));
        size_ = size;
    }

    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }

  private:
    static constexpr std::align_val_t alignment{64};
    void release() {
        if (data_) ::operator delete(data_, alignment);
    }

    T* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace pixelwise
