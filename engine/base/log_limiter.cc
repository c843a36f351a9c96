#include "engine/base/log_limiter.h"

#include <chrono>

namespace tocsin {

std::optional<int64_t> LogLimiter::admit(std::string_view key, Duration now) {
  if (key.empty()) return 0;
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(key);
  if (found == seen_.end()) {
    if (seen_.size() >= kKeysMax) seen_.clear();
    seen_.emplace(key, Seen{.last = now});
    return 0;
  }
  Seen& seen = found->second;
  if (now - seen.last < kRepeatEvery) {
    ++seen.held_back;
    return std::nullopt;
  }
  const int64_t held_back = seen.held_back;
  seen = {.last = now};
  return held_back;
}

std::optional<int64_t> LogLimiter::admit(std::string_view key) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return admit(key, Duration{std::chrono::duration_cast<std::chrono::milliseconds>(now).count()});
}

}  // namespace tocsin
