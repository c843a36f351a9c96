#pragma once

// A moment on the monotonic clock until which something may take: no call to a broker waits for ever.
//
// Thread: immutable, any.

#include <algorithm>
#include <chrono>
#include <limits>

#include "engine/base/time.h"

namespace tocsin::kafka {

class Deadline {
 public:
  static Deadline in(Duration length) { return Deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(length.ms)); }
  std::chrono::steady_clock::time_point at() const { return at_; }
  Deadline later(Duration length) const { return Deadline(at_ + std::chrono::milliseconds(length.ms)); }
  bool passed() const { return std::chrono::steady_clock::now() >= at_; }
  // Milliseconds left, at least 0 and at most `most`.
  int remaining_ms(int most = std::numeric_limits<int>::max()) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, most));
  }

 private:
  explicit Deadline(std::chrono::steady_clock::time_point at) : at_(at) {}
  std::chrono::steady_clock::time_point at_;
};

}  // namespace tocsin::kafka
