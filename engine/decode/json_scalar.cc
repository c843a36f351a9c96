#include "engine/decode/json_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <system_error>

#include "absl/strings/charconv.h"
#include "engine/base/utf8.h"

namespace tocsin::decode {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Passes over digits; false if there is none.
bool skip_digits(const char*& p, const char* end) {
  const char* const begin = p;
  while (p < end && is_digit(*p)) ++p;
  return p > begin;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The value of the four hex digits at `at`, or -1.
int32_t hex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// The character that the escape letter stands for, or 0 if it is none of the short ones.
char short_escape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return '\0';
  }
}

// Appends what the \u escape at `at` (of its backslash) stands for and moves `at` behind it; false for a lone surrogate.
bool append_unicode_escape(std::string_view content, size_t& at, std::string& out) {
  int32_t code_point = hex4(content, at + 2);
  at += 6;
  if (code_point >= 0xDC00 && code_point <= 0xDFFF) return false;
  if (code_point >= 0xD800 && code_point <= 0xDBFF) {
    if (content.substr(at, 2) != "\\u") return false;
    const int32_t low = hex4(content, at + 2);
    if (low < 0xDC00 || low > 0xDFFF) return false;
    code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
    at += 6;
  }
  return append_utf8(out, static_cast<char32_t>(code_point));
}

}  // namespace

bool is_json_number(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  if (p < end && *p == '-') ++p;
  if (p < end && *p == '0') {
    ++p;
  } else if (!skip_digits(p, end)) {
    return false;
  }
  if (p < end && *p == '.' && !skip_digits(++p, end)) return false;
  if (p < end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p < end && (*p == '+' || *p == '-')) ++p;
    if (!skip_digits(p, end)) return false;
  }
  return p == end;
}

bool PlainNumber::read(std::string_view text) {
  constexpr size_t kDigitsMax = 18;
  const bool negative = text.starts_with('-');
  const char* p = text.data() + (negative ? 1 : 0);
  const char* const end = text.data() + text.size();
  decimals = kNone;
  if (end - p > static_cast<ptrdiff_t>(kDigitsMax) || p == end) return false;  // the point may cost a digit: rare
  const char* const digits = p;
  int64_t value = 0;
  for (; p < end && is_digit(*p); ++p) value = value * 10 + (*p - '0');
  if (p == digits || (*digits == '0' && p - digits > 1)) return false;
  const char* const whole_end = p;
  if (p < end) {
    if (*p != '.') return false;
    for (++p; p < end && is_digit(*p); ++p) value = value * 10 + (*p - '0');
    if (p < end || p - whole_end == 1) return false;
  }
  if (negative && value == 0) return false;
  mantissa = negative ? -value : value;
  decimals = static_cast<int>(p == whole_end ? 0 : p - whole_end - 1);
  return true;
}

std::optional<double> PlainNumber::as_double() const {
  static constexpr std::array<double, 19> kPowers = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                                     1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
  constexpr int64_t kExact = int64_t{1} << 53;
  if (decimals == kNone || mantissa > kExact || mantissa < -kExact) return std::nullopt;
  return static_cast<double>(mantissa) / kPowers[static_cast<size_t>(decimals)];
}

bool escapes_are_valid(std::string_view content) {
  for (size_t at = content.find('\\'); at != std::string_view::npos; at = content.find('\\', at)) {
    if (at + 1 >= content.size()) return false;
    if (short_escape(content[at + 1]) != '\0') {
      at += 2;
    } else if (content[at + 1] == 'u' && hex4(content, at + 2) >= 0) {
      at += 6;
    } else {
      return false;
    }
  }
  return true;
}

std::optional<std::string> unescape(std::string_view content) {
  std::string out;
  out.reserve(content.size());
  size_t at = 0;
  while (at < content.size()) {
    const size_t backslash = std::min(content.find('\\', at), content.size());
    out.append(content, at, backslash - at);
    at = backslash;
    if (at == content.size()) break;
    if (content[at + 1] == 'u') {
      if (!append_unicode_escape(content, at, out)) return std::nullopt;
    } else {
      out.push_back(short_escape(content[at + 1]));
      at += 2;
    }
  }
  return out;
}

std::optional<int64_t> integer_of_number(std::string_view number) {
  const char* const end = number.data() + number.size();
  int64_t value = 0;
  const auto [stop, error] = std::from_chars(number.data(), end, value);
  if (stop == end) return error == std::errc() ? std::optional(value) : std::nullopt;
  const double real = double_of_number(number);
  constexpr double kLimit = 0x1p63;
  if (real < -kLimit || real >= kLimit || std::trunc(real) != real) return std::nullopt;
  return static_cast<int64_t>(real);
}

double double_of_number(std::string_view number) {
  const char* const end = number.data() + number.size();
  double value = 0;
  if (std::from_chars(number.data(), end, value).ec == std::errc()) return value;
  // Out of range. The standard function does not say at which end; this one gives the largest or the smallest double.
  absl::from_chars(number.data(), end, value);
  if (std::abs(value) < 1) return value;
  return std::copysign(std::numeric_limits<double>::infinity(), value);
}

std::optional<int64_t> parse_json_integer(std::string_view text) { return is_json_number(text) ? integer_of_number(text) : std::nullopt; }

std::optional<double> parse_json_double(std::string_view text) {
  if (is_json_number(text)) return double_of_number(text);
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

}  // namespace tocsin::decode
