#pragma once

// What happened in a schedule, line by line, for whoever looks into a failure. Says nothing unless it is on.
//
// Thread: confined.

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <utility>

namespace tocsin::simulation {

class Trace {
 public:
  explicit Trace(bool on = false) : on_(on) {}

  bool on() const { return on_; }
  template <typename... Args>
  void say(int64_t at_ms, fmt::format_string<Args...> text, Args&&... args) const {
    if (on_) fmt::print("{:>9.3f} s  {}\n", static_cast<double>(at_ms) / 1000, fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  bool on_;
};

}  // namespace tocsin::simulation
