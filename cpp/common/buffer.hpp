// Uninitialised memory at the start of a cache line. No Python here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace pixelwise {

// Large blocks that are free, for the next call: the system fills new pages with zeros, which takes about as long as two
// iterations. Who finds it in use by another thread does without.
class SpareBlocks {
  public:
    static constexpr std::align_val_t huge_page{std::size_t{1} << 21};

    // A block of at least `bytes`, or nullptr; `bytes` becomes its size.
    static void* take(std::size_t& bytes) {
        const Turn turn;
        Block* best = nullptr;
        for (Block& block : blocks)
            if (turn.ours && block.bytes >= bytes && block.bytes / 2 <= bytes && (!best || block.bytes < best->bytes)) best = &block;
        if (!best) return nullptr;
        bytes = best->bytes;
        return std::exchange(*best, Block{}).data;
    }
    static void keep(void* data, std::size_t bytes) {
        const Turn turn;
        Block block{data, bytes};
        if (turn.ours && bytes <= most / 2) {
            std::size_t total = bytes;
            for (Block& older : blocks) {  // the last ones are the oldest
                std::swap(block, older);
                total += block.bytes;
                if (total > most) free(std::exchange(block, Block{}));
            }
        }
        free(block);
    }
    static void clear() {
        const Turn turn;
        for (Block& block : blocks)
            if (turn.ours) free(std::exchange(block, Block{}));
    }

  private:
    struct Block {
        void* data;
        std::size_t bytes;
    };
    struct Turn {
        const bool ours = !busy.test_and_set(std::memory_order_acquire);
        ~Turn() {
            if (ours) busy.clear(std::memory_order_release);
        }
    };
    static void free(const Block& block) {
        if (block.data) ::operator delete(block.data, huge_page);
    }

#if defined(__SANITIZE_ADDRESS__)
    static constexpr std::size_t most = 0;
#else
    static constexpr std::size_t most = std::size_t{1} << 27;
#endif
    static inline std::atomic_flag busy;
    static inline Block blocks[32];
};

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
        if (size > (static_cast<std::size_t>(-1) / 2) / sizeof(T)) throw std::bad_alloc();
        const std::size_t bytes = size * sizeof(T);
        data_ = static_cast<T*>(bytes < huge_page ? ::operator new(bytes, cache_line) : large_block(bytes));
        size_ = size;
    }

    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }

  private:
    static constexpr std::align_val_t cache_line{64};
    static constexpr std::size_t huge_page = static_cast<std::size_t>(SpareBlocks::huge_page);

    void* large_block(std::size_t bytes) {
        bytes = (bytes + huge_page - 1) / huge_page * huge_page;
        void* block = SpareBlocks::take(bytes);
        if (!block) {
            block = ::operator new(bytes, SpareBlocks::huge_page);
#if defined(__linux__)
            // Rows are visited in random order, so large pages help; if the system refuses them, nothing is lost.
            static_cast<void>(madvise(block, bytes, MADV_HUGEPAGE));
#endif
        }
        large_ = bytes;
        return block;
    }
    void release() {
        if (large_)
            SpareBlocks::keep(data_, large_);
        else if (data_)
            ::operator delete(data_, cache_line);
        data_ = nullptr;
        size_ = large_ = 0;
    }

    T* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t large_ = 0;  // bytes of a large block, or 0
};

}  // namespace pixelwise
