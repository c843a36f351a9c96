#pragma once

// Keeps a library that reports the same trouble again and again from filling the log.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace tocsin {

// Holds back repetitions.
//
// Thread:     any (locked); it is off the event path.
// Invariants: (1) at most kKeysMax keys are remembered; (2) a line without a key is never held back.
class LogLimiter {
 public:
  static constexpr Duration kRepeatEvery{30'000};
  static constexpr size_t kKeysMax = 1'000;

  // How many lines of this key were held back since the last one let through; nothing if this one is to be held back too.
  // `now`: any monotonic clock; that of the system by default.
  std::optional<int64_t> admit(std::string_view key, Duration now);
  std::optional<int64_t> admit(std::string_view key);

 private:
  struct Seen {
    Duration last;
    int64_t held_back = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Seen, std::less<>> seen_;
};

}  // namespace tocsin
