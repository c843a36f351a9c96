#include "operators/partition_clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "engine/base/test_switches.h"

namespace tocsin {
namespace {

// Written now, and read up to it.
int version() { return 1 + static_cast<int>(test_switches::formats_ahead()); }

std::string text_of(const std::optional<EventTime>& time) { return time ? std::to_string(time->ms) : "-"; }

// Splits at single spaces.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t space = text.find(' ');
    parts.push_back(text.substr(0, space));
    if (space == std::string_view::npos) return parts;
    text.remove_prefix(space + 1);
  }
}

bool parse_time(std::string_view text, std::optional<EventTime>& time) {
  if (text == "-") return true;
  int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  time = EventTime{ms};
  return true;
}

// The number in "t1", at the beginning of all versions; 0: none.
int version_of(std::string_view text) {
  if (text.empty() || text.front() != 't') return 0;
  int version = 0;
  const std::string_view number = text.substr(1, text.find(' ') - 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), version);
  return error == std::errc() && end == number.data() + number.size() ? version : 0;
}

}  // namespace

void PartitionClock::observe(EventTime time, std::optional<EventTime> append_time) {
  if (!first_event_) first_event_ = time;
  largest_event_ = largest_event_ ? std::max(*largest_event_, time) : time;
  const EventTime counted = append_time ? std::min(time, *append_time) : time;
  watermark_ = std::max(watermark_, counted - max_out_of_orderness_);
  idle_ = false;
}

bool PartitionClock::follow_wall_clock(EventTime now) {
  idle_ = true;
  const EventTime watermark = now - max_out_of_orderness_;
  if (watermark <= watermark_) return false;
  watermark_ = watermark;
  return true;
}

std::string PartitionClock::encode() const {
  const std::optional<EventTime> watermark = has_watermark() ? std::optional(watermark_) : std::nullopt;
  return fmt::format("t{} {} {} {} {}", version(), text_of(watermark), text_of(first_event_), text_of(largest_event_), idle_ ? 1 : 0);
}

std::optional<PartitionClock> PartitionClock::decode(std::string_view text, Duration max_out_of_orderness) {
  const std::vector<std::string_view> parts = split(text);
  const int written = version_of(text);
  if (parts.size() != 5 || written < 1 || written > version() || parts[0] != fmt::format("t{}", written)) return std::nullopt;
  if (parts[4] != "0" && parts[4] != "1") return std::nullopt;
  PartitionClock clock(max_out_of_orderness);
  std::optional<EventTime> watermark;
  if (!parse_time(parts[1], watermark) || !parse_time(parts[2], clock.first_event_) || !parse_time(parts[3], clock.largest_event_)) {
    return std::nullopt;
  }
  clock.watermark_ = watermark.value_or(EventTime::min());
  clock.idle_ = parts[4] == "1";
  return clock;
}

bool PartitionClock::is_of_newer_version(std::string_view text) { return version_of(text) > version(); }

}  // namespace tocsin
