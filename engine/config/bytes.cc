#include "engine/config/bytes.h"

#include <array>
#include <limits>

namespace tocsin::config {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  uint64_t bytes;
};

constexpr std::array<Unit, 12> kUnits = {{{"", 1},
                                          {"B", 1},
                                          {"kB", 1'000},
                                          {"KB", 1'000},
                                          {"MB", 1'000'000},
                                          {"GB", 1'000'000'000},
                                          {"TB", 1'000'000'000'000},
                                          {"KiB", 1ULL << 10},
                                          {"kiB", 1ULL << 10},
                                          {"MiB", 1ULL << 20},
                                          {"GiB", 1ULL << 30},
                                          {"TiB", 1ULL << 40}}};

constexpr size_t kFractionDigitsMax = 6;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

}  // namespace

std::optional<int64_t> parse_bytes(std::string_view text) {
  const std::string_view whole = take_digits(text);
  if (whole.empty() || whole.size() > 19) return std::nullopt;
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty() || fraction.size() > kFractionDigitsMax) return std::nullopt;
  }
  if (text.starts_with(' ')) text.remove_prefix(1);
  const Unit* unit = nullptr;
  for (const Unit& candidate : kUnits) {
    if (candidate.name == text) unit = &candidate;
  }
  if (unit == nullptr) return std::nullopt;

  Wide number = 0;  // times scale
  Wide scale = 1;
  for (const char c : whole) number = number * 10 + static_cast<Wide>(c - '0');
  for (const char c : fraction) {
    number = number * 10 + static_cast<Wide>(c - '0');
    scale *= 10;
  }
  const Wide scaled = number * unit->bytes;  // below 2^64 * 2^20 * 2^40
  if (scaled % scale != 0 || scaled / scale > static_cast<Wide>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return static_cast<int64_t>(scaled / scale);
}

}  // namespace tocsin::config
