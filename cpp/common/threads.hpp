// A team of threads for one call, and the interface of its members. No Python here.
#pragma once

#include <atomic>
#include <chrono>
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

// Makes this thread treat denormal floats as zero until the end of the scope. Probabilities and messages decay to zero,
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

// During its lifetime, long work on this thread calls `check` every 50 ms, for example to look for Ctrl-C. An exception of
// `check` ends the work.
class InterruptScope {
  public:
    explicit InterruptScope(void (*check)()) : saved_(current) { current = {check, Clock::now()}; }
    ~InterruptScope() { current = saved_; }
    InterruptScope(const InterruptScope&) = delete;
    InterruptScope& operator=(const InterruptScope&) = delete;

    // Long work may call this as often as it likes.
    static void answer() {
        if (!current.check) return;
        const Clock::time_point now = Clock::now();
        if (now < current.next) return;
        current.next = now + std::chrono::milliseconds(50);
        current.check();
    }

  private:
    using Clock = std::chrono::steady_clock;
    struct State {
        void (*check)();
        Clock::time_point next;
    };
    static inline thread_local State current{nullptr, {}};
    State saved_;
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

    // Returns when all threads of the team have called it. Throws, like go_on(), if one of them has failed.
    void wait() {
        if (size == 1) return;
        const unsigned round = team_.round.load(std::memory_order_acquire);
        if (team_.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size) {
            team_.arrived.store(0, std::memory_order_relaxed);
            team_.round.store(round + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; team_.round.load(std::memory_order_acquire) == round; ++spins)
            if (spins > 4000) {
                go_on();
                std::this_thread::yield();
            }
    }

    // Throws if another thread has failed, and handles interrupts. Loops should call it now and then.
    void go_on() const {
        if (index == 0) InterruptScope::answer();
        if (team_.failed.load(std::memory_order_relaxed)) throw Stopped();
    }

    const int index, size;

  private:
    template <class Work>
    friend void run_team(int size, const Work& work);
    struct Stopped {};
    struct Team {
        std::atomic<int> arrived{0};
        std::atomic<unsigned> round{0};
        std::atomic<bool> failed{false};
    };
    Member(int index, int size, Team& team) : index(index), size(size), team_(team) {}

    Team& team_;
};

// Runs work(member) on `size` threads, this one included. If it throws in one of them, for example because memory runs
// out, the others end at their next wait() or go_on(), and the exception is thrown again here. Throws std::system_error
// or std::bad_alloc, before any work, if the system cannot start the threads.
template <class Work>
void run_team(int size, const Work& work) {
    std::atomic<int> gate{0};  // 1: start, -1: end without work
    Member::Team team;
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size));
    const auto run = [&](int index) {
        const FlushToZero scope;
        Member member(index, size, team);
        try {
            work(member);
        } catch (const Member::Stopped&) {
        } catch (...) {
            failures[static_cast<std::size_t>(index)] = std::current_exception();
            team.failed.store(true, std::memory_order_relaxed);
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
