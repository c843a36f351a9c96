#include "engine/base/instant.h"

#include <charconv>

#include "engine/base/time.h"

namespace tocsin {

std::optional<int64_t> parse_instant(std::string_view text) {
  static const int64_t kFirst = parse_rfc3339("0000-01-01T00:00:00Z").value();
  static const int64_t kLast = parse_rfc3339("9999-12-31T23:59:59.999Z").value();
  if (const std::optional<int64_t> ms = parse_rfc3339(text)) return ms;
  int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc() || end != text.data() + text.size() || ms < kFirst || ms > kLast) return std::nullopt;
  return ms;
}

}  // namespace tocsin
