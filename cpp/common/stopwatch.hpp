// Where the time of a call goes. No Python here.
#pragma once

#include <chrono>

namespace pixelwise {

// Adds the time since the last call to a sum, on one thread of a team.
class Stopwatch {
  public:
    explicit Stopwatch(bool runs) : runs_(runs), last_(Clock::now()) {}
    void lap(double& sum) {
        if (!runs_) return;
        const Clock::time_point now = Clock::now();
        sum += std::chrono::duration<double>(now - last_).count();
        last_ = now;
    }

  private:
    using Clock = std::chrono::steady_clock;
    const bool runs_;
    Clock::time_point last_;
};

}  // namespace pixelwise
