// Drives the core while memory runs out, at each allocation in turn, and while it is interrupted. What fails must end with
// its exception on every thread, and objects must work on afterwards. The whole program's `new` is replaced here.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "checks.hpp"
#include "conv/convolution.hpp"
#include "learn/learning.hpp"
#include "crf/mean_field.hpp"
#include "common/threads.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace {

std::atomic<std::int64_t> allocations_left{INT64_MAX};  // until the one that fails

void* allocate(std::size_t bytes, std::size_t alignment) {
    if (allocations_left.fetch_sub(1, std::memory_order_relaxed) == 0) throw std::bad_alloc();
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* const memory = alignment <= alignof(std::max_align_t) ? std::malloc(bytes > 0 ? bytes : 1)
                                                                : std::aligned_alloc(alignment, rounded);
    if (!memory) throw std::bad_alloc();
    return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    try {
        return operator new(bytes);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using namespace pixelwise;

// Runs `work` with the first allocation failing, then the second, and so on until it succeeds. Returns how often it failed.
template <class Work>
int fail_at_each(const Work& work) {
    for (int n = 0;; ++n) {
        allocations_left = n;
        try {
            work();
            allocations_left = INT64_MAX;
            return n;
        } catch (const std::bad_alloc&) {
            allocations_left = INT64_MAX;
        }
    }
}

const Shape shape{1, 128, 130};  // enough for four threads
constexpr int classes = 3, threads = 4;

struct Sample {
    Floats first, second, unary;
    std::vector<Pairwise> terms;
    Sample() {
        Random random(0);
        first = random.normals(2 * shape.pixels(), 1.0f);
        second = random.normals(5 * shape.pixels(), 1.0f);
        unary = random.normals(classes * shape.pixels(), 3.0f);
        Floats matrix = random.normals(classes * classes, 0.5f);
        terms = {{2, first.data(), Normalization::symmetric, 1.0f, {}},
                 {5, second.data(), Normalization::after, 1.0f, matrix}};
    }
    Strided<const float> view(const Floats& of) const {
        return {of.data(), shape.pixels(), shape.pixels(), shape.width, 1};
    }
};

Floats beliefs_of(MeanField& field) {
    Floats q(size(classes * shape.pixels()));
    field.beliefs({q.data(), shape.pixels(), shape.pixels(), shape.width, 1});
    return q;
}

Floats after_two_steps(const Sample& sample) {
    MeanField field(shape, classes, sample.terms, threads, *find_routines());
    require(field.threads() == threads, "a wrong number of threads");
    require(field.set_unary(sample.view(sample.unary)) == -1, "a finite unary was refused");
    field.step();
    field.step();
    return beliefs_of(field);
}

void run_out_of_memory() {
    const Sample sample;
    const Floats expected = after_two_steps(sample);

    context = "memory runs out while a lattice is built";
    const int built = fail_at_each([&] { MeanField(shape, classes, sample.terms, threads, *find_routines()); });
    require(built > 100, "too few allocations failed", built);

    context = "memory runs out in a step";
    MeanField field(shape, classes, sample.terms, threads, *find_routines());
    require(fail_at_each([&] { field.set_unary(sample.view(sample.unary)); }) > 0, "nothing failed");
    require(fail_at_each([&] { field.step(); }) > 0, "nothing failed");
    require(fail_at_each([&] { field.step(); }) > 0, "nothing failed");
    require(fail_at_each([&] { beliefs_of(field); }) > 0, "nothing failed");
    require(beliefs_of(field) == expected, "another result after memory ran out");
    require(fail_at_each([&] { field.divergence(); }) > 0, "nothing failed");

    context = "memory runs out in a convolution";
    Random random(1);
    const Floats x = random.normals(9 * 13 * 32, 1.0f), w = random.normals(32 * 32 * 9, 0.1f), bias(32);
    Floats out(x.size()), sums(48 * 9);
    fail_at_each([&] {
        const Convolution convolution(*find_routines(), w.data(), bias.data(), 32, 32, 3, 1, 1, true, false, threads);
        convolution.run(x.data(), {1, 9, 13}, out.data(), threads);
    });
    fail_at_each([&] {
        const Floats maps(48 * 64, 1.0f);
        correlate_depthwise(*find_routines(), {48, 3, 1, 1, 1}, {maps.data(), maps.data(), 1, 8, 8, 8, 8}, sums.data(), threads);
    });
}

// Of 20 labels all but two are unlikely, so that they are merged in the third step.
void run_out_of_memory_with_merged_labels() {
    context = "memory runs out while labels are merged";
    constexpr int labels = 20;
    Sample sample;
    sample.terms[1].label.clear();
    Floats unary = Random(2).normals(labels * shape.pixels(), 1.0f), q(unary.size()), expected(unary.size());
    for (Index i = 2 * shape.pixels(); i < labels * shape.pixels(); ++i) unary[size(i)] += 15.0f;
    const auto run = [&](Floats& out, bool failing) {
        const auto go = [&](const auto& work) { failing ? void(fail_at_each(work)) : void(work()); };
        MeanField field(shape, labels, sample.terms, threads, *find_routines(), PTRDIFF_MAX, true);
        field.set_unary({unary.data(), shape.pixels(), shape.pixels(), shape.width, 1});
        for (int step = 0; step < 4; ++step) go([&] { field.step(step > 1); });
        require(field.labels_apart() == 2, "labels were not merged", field.labels_apart());
        go([&] { field.beliefs({out.data(), shape.pixels(), shape.pixels(), shape.width, 1}); });
        require(field.labels_apart() == 2, "labels were parted", field.labels_apart());
        go([&] { field.divergence(); });
        require(field.labels_apart() == labels, "labels were not parted", field.labels_apart());
        go([&] { field.set_weight(0, 2.0f); });
        go([&] { field.step(); });
    };
    run(expected, false);
    run(q, true);
    require(q == expected, "another result after memory ran out");
    require_probabilities(q, labels, shape.pixels());
}

struct Interrupted {};
int looks_left;  // until the one that interrupts
void look() {
    if (looks_left-- == 0) throw Interrupted();
}

// Returns whether `work` was interrupted as soon as that was asked for.
template <class Work>
bool interrupted(const Work& work) {
    looks_left = 0;
    const InterruptScope scope(&look);
    try {
        work();
    } catch (const Interrupted&) {
        return true;
    }
    return false;
}

void run_interrupts() {
    const Sample sample;
    const Floats expected = after_two_steps(sample);
    context = "interrupted";
    require(interrupted([&] { MeanField(shape, classes, sample.terms, threads, *find_routines()); }), "building went on");
    MeanField field(shape, classes, sample.terms, threads, *find_routines());
    require(interrupted([&] { field.set_unary(sample.view(sample.unary)); }), "the unary was taken");
    require(field.set_unary(sample.view(sample.unary)) == -1, "a finite unary was refused");
    for (int step = 0; step < 2; ++step) {
        require(interrupted([&] { field.step(); }), "the step went on");
        field.step();
    }
    require(beliefs_of(field) == expected, "another result after an interruption");

    context = "interrupted before labels are merged";
    constexpr int labels = 24;
    Sample likely;
    likely.terms[1].label.clear();
    const Floats unary = Random(3).normals(labels * shape.pixels(), 1.0f);
    Floats all(unary.size()), merging(unary.size());
    const auto four_steps = [&](bool may_merge, Floats& out) {
        MeanField of_labels(shape, labels, likely.terms, threads, *find_routines(), PTRDIFF_MAX, may_merge);
        of_labels.set_unary({unary.data(), shape.pixels(), shape.pixels(), shape.width, 1});
        const Strided<float> to{out.data(), shape.pixels(), shape.pixels(), shape.width, 1};
        for (int step = 0; step < 4; ++step) {
            const auto work = [&] { step == 3 ? of_labels.beliefs(to) : static_cast<void>(of_labels.step()); };
            if (may_merge) require(interrupted(work), "the call went on");
            of_labels.step();
        }
        of_labels.beliefs(to);
        require(of_labels.labels_apart() == labels, "likely labels were merged", of_labels.labels_apart());
    };
    four_steps(false, all);
    four_steps(true, merging);
    require(merging == all, "another result after an interruption");

    context = "too many vertices";
    bool refused = false;
    try {
        MeanField(shape, classes, sample.terms, threads, *find_routines(), 100);
    } catch (const LatticeTooLarge&) {
        refused = true;
    }
    require(refused, "they were built");
}

}  // namespace

void run_failures() {
#if defined(__unix__) || defined(__APPLE__)
    alarm(600);  // a thread that waits for one that has failed would wait for ever
#endif
    run_out_of_memory();
    run_out_of_memory_with_merged_labels();
    run_interrupts();
#if defined(__unix__) || defined(__APPLE__)
    alarm(0);
#endif
}
