// A team of threads that lives for one call, and what each member needs. No Python here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace pixelwise {

// Makes this thread treat denormal floats as zero, until the end of the scope. Beliefs and messages decay towards zero,
// and arithmetic on denormals is a hundred times slower than on other numbers.
class FlushToZero {
  public:
#if defined(__SSE2__) || defined(_M_X64)
    FlushToZero() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
    ~FlushToZero() { _mm_setcsr(saved_); }

  private:
    unsigned int saved_;
#elif defined(__aarch64__) && defined(__GNUC__)
    FlushToZero() {
        asm volatile("mrs %0, fpcr" : "=r"(saved_));
        asm volatile("msr fpcr, %0" : : "r"(saved_ | (std::uint64_t{1} << 24)));
    }
    ~FlushToZero() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }

  private:
    std::uint64_t saved_;
#else
    FlushToZero() {}
#endif
    FlushToZero(const FlushToZero&) = delete;
    FlushToZero& operator=(const FlushToZero&) = delete;
};

// One of `size` threads that run the same function together.
class Member {
  public:
    // The part of [0, count) that belongs to this thread, in multiples of `step`.
    struct Range {
        std::ptrdiff_t begin, end;
    };
    Range share(std::ptrdiff_t count, std::ptrdiff_t step = 1) const {
        const std::ptrdiff_t steps = (count + step - 1) / step;
        const std::ptrdiff_t begin = steps * index / size * step, end = steps * (index + 1) / size * step;
        return {begin < count ? begin : count, end < count ? end : count};
    }

    // Returns when all threads of the team have come here.
    void wait() {
        if (size == 1) return;
        const unsigned round = round_->load(std::memory_order_acquire);
        if (arrived_->fetch_add(1, std::memory_order_acq_rel) + 1 == size) {
            arrived_->store(0, std::memory_order_relaxed);
            round_->store(round + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; round_->load(std::memory_order_acquire) == round; ++spins)
            if (spins > 4000) std::this_thread::yield();
    }

    const int index, size;

  private:
    template <class Work>
    friend void run_team(int size, const Work& work);
    Member(int index, int size, std::atomic<int>* arrived, std::atomic<unsigned>* round)
        : index(index), size(size), arrived_(arrived), round_(round) {}

    std::atomic<int>* arrived_;
    std::atomic<unsigned>* round_;
};

// Runs work(member) on `size` threads, this one included. An exception in one of them is thrown again here when all have
// ended; work that waits must not throw before its last wait, or the others would wait for ever. Throws
// std::system_error, before any work is done, if the system does not grant so many threads.
template <class Work>
void run_team(int size, const Work& work) {
    std::atomic<int> arrived{0}, gate{0};  // gate: 1 go, -1 go home
    std::atomic<unsigned> round{0};
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size));
    const auto run = [&](int index) {
        const FlushToZero scope;
        Member member(index, size, &arrived, &round);
        try {
            work(member);
        } catch (...) {
            failures[static_cast<std::size_t>(index)] = std::current_exception();
        }
    };
    std::vector<std::thread> others;
    others.reserve(static_cast<std::size_t>(size));
    try {
        for (int index = 1; index < size; ++index)
            others.emplace_back([&, index] {
                while (gate.load(std::memory_order_acquire) == 0) std::this_thread::yield();
                if (gate.load(std::memory_order_acquire) == 1) run(index);
            });
    } catch (...) {
        gate.store(-1, std::memory_order_release);
        for (std::thread& other : others) other.join();
        throw;
    }
    gate.store(1, std::memory_order_release);
    run(0);
    for (std::thread& other : others) other.join();
    for (const std::exception_ptr& failure : failures)
        if (failure) std::rethrow_exception(failure);
}

}  // namespace pixelwise
