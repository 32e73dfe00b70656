// What the drivers of the core share: numbers at random, and a way to end on what must not be.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "common/dispatch.hpp"

using Index = std::ptrdiff_t;
using Floats = std::vector<float>;

inline std::size_t size(Index count) { return static_cast<std::size_t>(count); }

inline std::string context;  // what is being run

inline void require(bool condition, const char* what, double found = 0.0) {
    if (condition) return;
    std::fprintf(stderr, "%s: %s (%g)\n", context.c_str(), what, found);
    std::exit(1);
}

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}
    float normal(float deviation) { return std::normal_distribution<float>(0.0f, 1.0f)(engine_) * deviation; }
    int below(int count) { return static_cast<int>(engine_() % static_cast<unsigned>(count)); }
    Floats normals(Index count, float deviation) {
        Floats values(size(count));
        for (float& value : values) value = normal(deviation);
        return values;
    }

  private:
    std::mt19937 engine_;
};

// Of (classes, pixels) values.
inline void require_probabilities(const Floats& q, int classes, Index pixels) {
    for (Index i = 0; i < pixels; ++i) {
        double sum = 0.0;
        for (int c = 0; c < classes; ++c) {
            const float belief = q[size(c * pixels + i)];
            require(belief >= 0.0f && belief <= 1.0001f, "a belief is not within [0, 1]");
            sum += belief;
        }
        require(std::abs(sum - 1.0) < 1e-4, "beliefs of a pixel do not add up to 1", sum);
    }
}

void run_resampling();
void run_failures();
void run_borders();
void run_confusion();
void run_regions();
void run_learning(const std::vector<const pixelwise::Routines*>& sets);
