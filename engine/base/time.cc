#include "engine/base/time.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "engine/base/check.h"

namespace tocsin {
namespace {

constexpr int64_t kMsPerSecond = 1000;
constexpr int64_t kMsPerMinute = 60 * kMsPerSecond;
constexpr int64_t kMsPerHour = 60 * kMsPerMinute;
constexpr int64_t kMsPerDay = 24 * kMsPerHour;
constexpr int64_t kMsPerWeek = 7 * kMsPerDay;

constexpr int64_t ms_of_date(int year, unsigned month, unsigned day) {
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}};
  return std::chrono::sys_days{date}.time_since_epoch().count() * kMsPerDay;
}

constexpr int64_t kFirstMs = ms_of_date(0, 1, 1);
constexpr int64_t kEndMs = ms_of_date(9999, 12, 31) + kMsPerDay;

constexpr std::chrono::year_month_day date_of_day(int64_t days_since_epoch) {
  return std::chrono::sys_days{std::chrono::days{days_since_epoch}};
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads a text from its front. Every read leaves the cursor where it was if it fails.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool skip_letter(char upper) { return skip(upper) || skip(static_cast<char>(upper - 'A' + 'a')); }

  // A number of exactly `width` digits, at most `limit`.
  bool number(size_t width, int limit, int& out) {
    if (rest_.size() < width) return false;
    int value = 0;
    for (const char c : rest_.substr(0, width)) {
      if (!is_digit(c)) return false;
      value = value * 10 + (c - '0');
    }
    if (value > limit) return false;
    rest_.remove_prefix(width);
    out = value;
    return true;
  }

  std::string_view digits() { return take_while(is_digit); }
  std::string_view letters() {
    return take_while([](char c) { return c >= 'a' && c <= 'z'; });
  }

 private:
  template <typename Predicate>
  std::string_view take_while(Predicate belongs) {
    size_t n = 0;
    while (n < rest_.size() && belongs(rest_[n])) ++n;
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  std::string_view rest_;
};

// full-date of RFC 3339, as the Unix milliseconds at which it begins.
bool read_date(Cursor& in, int64_t& ms) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!in.number(4, 9999, year) || !in.skip('-') || !in.number(2, 12, month) || !in.skip('-') || !in.number(2, 31, day)) return false;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return false;
  ms = std::chrono::sys_days{date}.time_since_epoch().count() * kMsPerDay;
  return true;
}

struct TimeOfDay {
  int64_t ms = 0;
  bool leap_second = false;
};

// partial-time of RFC 3339. A leap second stands for the millisecond before it: Unix time has no place of its own for it, and
// rounding up would move an event into the next day's windows.
bool read_time_of_day(Cursor& in, TimeOfDay& time) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!in.number(2, 23, hour) || !in.skip(':') || !in.number(2, 59, minute) || !in.skip(':') || !in.number(2, 60, second)) return false;
  int64_t fraction_ms = 0;
  if (in.skip('.')) {
    const std::string_view digits = in.digits();
    if (digits.empty()) return false;
    int64_t digit_ms = 100;
    for (const char c : digits.substr(0, 3)) {
      fraction_ms += (c - '0') * digit_ms;
      digit_ms /= 10;
    }
  }
  time.leap_second = second == 60;
  time.ms = hour * kMsPerHour + minute * kMsPerMinute + (time.leap_second ? kMsPerMinute - 1 : second * kMsPerSecond + fraction_ms);
  return true;
}

// time-offset of RFC 3339: what to subtract from the local time.
bool read_offset(Cursor& in, int64_t& offset_ms) {
  offset_ms = 0;
  if (in.skip_letter('Z')) return true;
  const bool east = in.skip('+');
  if (!east && !in.skip('-')) return false;
  int hours = 0;
  int minutes = 0;
  if (!in.number(2, 23, hours) || !in.skip(':') || !in.number(2, 59, minutes)) return false;
  offset_ms = (hours * kMsPerHour + minutes * kMsPerMinute) * (east ? 1 : -1);
  return true;
}

// Leap seconds are only ever inserted at the end of a month in UTC.
bool ends_a_month(int64_t unix_ms) {
  const int64_t next = unix_ms + 1;
  return next % kMsPerDay == 0 && date_of_day(next / kMsPerDay).day() == std::chrono::day{1};
}

struct Unit {
  std::string_view name;
  int64_t ms;
};

// In falling order.
constexpr std::array<Unit, 6> kUnits = {
    {{"w", kMsPerWeek}, {"d", kMsPerDay}, {"h", kMsPerHour}, {"m", kMsPerMinute}, {"s", kMsPerSecond}, {"ms", 1}}};

// Lengths are added as whole multiples of 10^-18 ms, so that "0.1s" and "1.15h" are what they say. The greatest Duration times
// 10^18 still fits.
__extension__ using Attoms = unsigned __int128;
constexpr size_t kMaxFractionDigits = 18;
constexpr Attoms kAttomsPerMs = 1'000'000'000'000'000'000U;
constexpr Attoms kMaxMs = static_cast<Attoms>(std::numeric_limits<int64_t>::max());

// One number with its unit, such as "1.5s". `next_unit` is the first one of kUnits that may still follow.
std::optional<Attoms> read_component(Cursor& in, size_t& next_unit) {
  const std::string_view whole = in.digits();
  if (whole.empty()) return std::nullopt;
  std::string_view fraction;
  if (in.skip('.')) {
    fraction = in.digits();
    if (fraction.empty()) return std::nullopt;
    while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
    if (fraction.size() > kMaxFractionDigits) return std::nullopt;
  }
  const std::string_view name = in.letters();
  while (next_unit < kUnits.size() && kUnits[next_unit].name != name) ++next_unit;
  if (next_unit == kUnits.size()) return std::nullopt;
  const Attoms unit_ms = static_cast<Attoms>(kUnits[next_unit++].ms);

  Attoms count = 0;
  for (const char c : whole) {
    count = count * 10 + static_cast<Attoms>(c - '0');
    if (count > kMaxMs / unit_ms) return std::nullopt;
  }
  Attoms sum = count * unit_ms * kAttomsPerMs;
  Attoms digit = kAttomsPerMs;
  for (const char c : fraction) {
    digit /= 10;
    sum += static_cast<Attoms>(c - '0') * digit * unit_ms;
  }
  return sum;
}

}  // namespace

std::string format_rfc3339(int64_t unix_ms) {
  TOCSIN_CHECK(unix_ms >= kFirstMs && unix_ms < kEndMs, "an RFC 3339 time lies in the years 0 to 9999");
  const int64_t day_ms = floor_to(EventTime{unix_ms}, Duration{kMsPerDay}).ms;
  const std::chrono::year_month_day date = date_of_day(day_ms / kMsPerDay);
  const int64_t time_ms = unix_ms - day_ms;
  std::string text = "0000-00-00T00:00:00.000Z";
  const auto put = [&text](size_t last, int64_t number) {
    for (; number > 0; number /= 10) text[last--] = static_cast<char>('0' + number % 10);
  };
  put(3, static_cast<int>(date.year()));
  put(6, static_cast<unsigned>(date.month()));
  put(9, static_cast<unsigned>(date.day()));
  put(12, time_ms / kMsPerHour);
  put(15, time_ms / kMsPerMinute % 60);
  put(18, time_ms / kMsPerSecond % 60);
  put(22, time_ms % kMsPerSecond);
  return text;
}

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  Cursor in(text);
  int64_t date_ms = 0;
  TimeOfDay time;
  int64_t offset_ms = 0;
  if (!read_date(in, date_ms) || !in.skip_letter('T') || !read_time_of_day(in, time) || !read_offset(in, offset_ms) || !in.at_end()) {
    return std::nullopt;
  }
  const int64_t unix_ms = date_ms + time.ms - offset_ms;
  if (time.leap_second && !ends_a_month(unix_ms)) return std::nullopt;
  // An offset can push the first and last day of the calendar out of what can be written again.
  if (unix_ms < kFirstMs || unix_ms >= kEndMs) return std::nullopt;
  return unix_ms;
}

std::string format_duration(Duration length) {
  TOCSIN_CHECK(length.ms >= 0, "a length of time is not negative");
  if (length.ms == 0) return "0s";
  std::string text;
  int64_t rest = length.ms;
  for (const Unit& unit : kUnits) {
    // As in Prometheus, weeks only where they come out even: 30d reads better than 4w2d.
    if (unit.ms == kMsPerWeek && rest % kMsPerWeek != 0) continue;
    if (rest < unit.ms) continue;
    fmt::format_to(std::back_inserter(text), "{}{}", rest / unit.ms, unit.name);
    rest %= unit.ms;
  }
  return text;
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{};
  Cursor in(text);
  size_t next_unit = 0;
  Attoms sum = 0;
  do {
    const std::optional<Attoms> component = read_component(in, next_unit);
    if (!component) return std::nullopt;
    sum += *component;  // at most six terms of at most 2^63 ms each: below 2^126
    if (sum > kMaxMs * kAttomsPerMs) return std::nullopt;
  } while (!in.at_end());
  if (sum % kAttomsPerMs != 0) return std::nullopt;
  return Duration{static_cast<int64_t>(sum / kAttomsPerMs)};
}

}  // namespace tocsin
