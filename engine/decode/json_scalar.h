#pragma once

// JSON's scalars as text: checking them, and turning the text into values. Numbers are kept as text because a label made from one is
// the text as written, and because any size is JSON.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin::decode {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

inline bool is_json_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

inline std::string_view trim_json_space_left(std::string_view text) {
  while (!text.empty() && is_json_space(text.front())) text.remove_prefix(1);
  return text;
}

inline std::string_view trim_json_space_right(std::string_view text) {
  while (!text.empty() && is_json_space(text.back())) text.remove_suffix(1);
  return text;
}

inline std::string_view trim_json_space(std::string_view text) { return trim_json_space_right(trim_json_space_left(text)); }

// Whether `text` is a number by RFC 8259, as a whole.
bool is_json_number(std::string_view text);

// A number as most are written: without exponent, of at most 18 digits, and not minus zero. Its value is mantissa / 10^decimals.
struct PlainNumber {
  static constexpr int kNone = -1;  // decimals of what is no such number

  int64_t mantissa = 0;
  int decimals = kNone;

  // Whether `text` as a whole is one; if not, it may still be a number.
  bool read(std::string_view text);
  // The nearest double, if that is a single division of two exact ones (Clinger, "How to Read Floating Point Numbers Accurately").
  std::optional<double> as_double() const;
};

// Whether every backslash of a string's content begins an escape by RFC 8259. Lone surrogates pass: they are JSON, but not text.
bool escapes_are_valid(std::string_view content);

// The text of a string's content with valid escapes, or nothing if it has a lone surrogate, which UTF-8 cannot say.
std::optional<std::string> unescape(std::string_view content);

// The value of a number by RFC 8259 (the caller has seen to that). An integer may have a fraction of zeros or an exponent, as
// proto3 JSON allows; nothing if it is not whole or does not fit. A double beyond the range is infinite.
std::optional<int64_t> integer_of_number(std::string_view number);
double double_of_number(std::string_view number);

// The same of any text, such as the content of a string: nothing if it is no number. "NaN", "Infinity" and "-Infinity", which
// proto3 JSON writes as strings, are doubles.
std::optional<int64_t> parse_json_integer(std::string_view text);
std::optional<double> parse_json_double(std::string_view text);

}  // namespace tocsin::decode
