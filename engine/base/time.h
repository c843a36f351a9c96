#pragma once

// Instants and lengths of time, in whole milliseconds.
//
// Event time (what an event says of itself) and wall time (what a clock of this machine says) are different types that never
// convert by themselves: operators/ and state/ see event time only.

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin {

struct Duration {
  int64_t ms = 0;
  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ms + b.ms}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ms - b.ms}; }
  friend constexpr Duration operator*(Duration a, int64_t n) { return {a.ms * n}; }
};

// An instant, Unix milliseconds. Tag keeps event time and wall time apart.
template <typename Tag>
struct Instant {
  int64_t ms = 0;
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant t, Duration d) { return {t.ms + d.ms}; }
  friend constexpr Instant operator-(Instant t, Duration d) { return {t.ms - d.ms}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return {a.ms - b.ms}; }

  // Before and after everything that can be stored. Half of the int64 range, so that adding a Duration of at most as much cannot overflow.
  static constexpr Instant min() { return {std::numeric_limits<int64_t>::min() / 2}; }
  static constexpr Instant max() { return {std::numeric_limits<int64_t>::max() / 2}; }
};

using EventTime = Instant<struct EventTimeTag>;
using WallTime = Instant<struct WallTimeTag>;

// The greatest multiple of `step` (> 0, counted from the Unix epoch) that is <= t; rounds down below zero too.
template <typename Tag>
constexpr Instant<Tag> floor_to(Instant<Tag> t, Duration step) {
  const int64_t remainder = t.ms % step.ms;
  return {t.ms - remainder - (remainder < 0 ? step.ms : 0)};
}

// The least multiple of `step` that is >= t.
template <typename Tag>
constexpr Instant<Tag> ceil_to(Instant<Tag> t, Duration step) {
  const Instant<Tag> down = floor_to(t, step);
  return down == t ? t : down + step;
}

// The least multiple of `step` that is > t.
template <typename Tag>
constexpr Instant<Tag> next_multiple(Instant<Tag> t, Duration step) {
  return floor_to(t, step) + step;
}

// "2026-01-31T08:00:00.250Z". `unix_ms` must lie in the years 0 to 9999.
std::string format_rfc3339(int64_t unix_ms);

// Unix milliseconds of an RFC 3339 date-time (any offset; digits beyond milliseconds are cut off), or nothing if it is none.
std::optional<int64_t> parse_rfc3339(std::string_view text);

// "1h30m", "250ms", "0s": the canonical text of a non-negative length.
std::string format_duration(Duration length);

// A length as written in rules and configuration: "90s", "1h30m", "1.5s", "250ms", units ms s m h d w, each at most once and in
// falling order; "0" needs no unit. Nothing if `text` is none, is negative, is no whole number of milliseconds, or overflows.
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace tocsin
