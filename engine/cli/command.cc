#include "engine/cli/command.h"

#include <fmt/format.h>

#include <cstdio>

#include "engine/base/instant.h"
#include "engine/base/utf8.h"
#include "engine/base/yaml/reader.h"

namespace tocsin::cli {

int report(const Status& status) {
  std::string text = "tocsin: ";
  for (const char c : status.message()) {
    text += c;
    if (c == '\n') text += "tocsin: ";
  }
  std::fputs((text + '\n').c_str(), stderr);  // fmt::print() would throw where stderr cannot be written
  const bool users = status.code() == StatusCode::kInvalidArgument || status.code() == StatusCode::kNotFound;
  return users ? kExitUsage : kExitNo;
}

CLI::Option* add_set_flag(CLI::App& command, std::vector<std::string>& overrides) {
  return command.add_option("--set", overrides, "Override one key of the configuration, such as time.resolution=1s (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

CLI::Validator not_negative() {
  return {[](const std::string& text) { return text.find('-') == std::string::npos ? "" : text + " is negative"; }, ""};
}

Result<Duration> parse_length(const std::string& text, std::string_view flag) {
  const std::optional<Duration> length = parse_duration(text);
  if (!length) return invalid_argument(fmt::format("{} {}: not a length of time; write it like 60s or 1h30m", flag, text));
  if (*length > yaml::kMaxDuration) return invalid_argument(fmt::format("{} {}: longer than a hundred years", flag, text));
  return *length;
}

Result<EventTime> parse_time(const std::string& text, std::string_view flag) {
  if (const std::optional<int64_t> ms = parse_instant(text)) return EventTime{*ms};
  return invalid_argument(
      fmt::format("{} {}: neither an RFC 3339 time such as 2026-01-31T08:00:00Z nor Unix milliseconds, up to the year 9999", flag, text));
}

std::string printable(std::string_view text) {
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    const std::optional<CodePoint> next = utf8_at(text, at);
    const bool control = !next || next->value < 0x20 || (next->value >= 0x7F && next->value < 0xA0);
    const size_t bytes = next ? next->bytes : 1;
    shown += control ? "?" : text.substr(at, bytes);
    at += bytes;
  }
  return shown;
}

}  // namespace tocsin::cli
