#include "operators/rules/string_literal.h"

#include <fmt/format.h>

#include "engine/base/utf8.h"

namespace tocsin::rules {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// A number of exactly `width` digits of `base` at `at`; -1 if there is none.
int64_t read_digits(std::string_view text, size_t at, size_t width, int base) {
  if (text.size() < at || text.size() - at < width) return -1;
  int64_t value = 0;
  for (const char c : text.substr(at, width)) {
    const int digit = digit_value(c);
    if (digit >= base) return -1;
    value = value * base + digit;
  }
  return value;
}

char simple_escape(char c) {
  switch (c) {
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    case '\\':
    case '"':
    case '\'': return c;
    default: return '\0';
  }
}

// Decodes the escape whose backslash stands at `at`; returns the byte after it, or 0 if it is none.
size_t decode_escape(std::string_view text, size_t at, std::string& out) {
  const size_t letter = at + 1;
  if (letter >= text.size()) return 0;
  if (const char plain = simple_escape(text[letter]); plain != '\0') {
    out += plain;
    return letter + 1;
  }
  const size_t width = text[letter] == 'x' ? 2 : text[letter] == 'u' ? 4 : text[letter] == 'U' ? 8 : 3;
  const bool octal = width == 3;
  const int64_t value = octal ? read_digits(text, letter, 3, 8) : read_digits(text, letter + 1, width, 16);
  if (value < 0) return 0;
  const size_t end = octal ? letter + 3 : letter + 1 + width;
  if (octal || width == 2) {  // a byte, not a code point
    if (value > 0xFF) return 0;
    out += static_cast<char>(static_cast<unsigned char>(value));
    return end;
  }
  return append_utf8(out, static_cast<char32_t>(value)) ? end : 0;
}

StringLiteral scan_raw(std::string_view text, size_t begin) {
  const size_t close = text.find('`', begin + 1);
  if (close == std::string_view::npos) return {.value = "", .end = text.size(), .error = "the string has no closing `"};
  return {.value = std::string(text.substr(begin + 1, close - begin - 1)), .end = close + 1, .error = ""};
}

}  // namespace

StringLiteral scan_string(std::string_view text, size_t begin) {
  const char quote = text[begin];
  if (quote == '`') return scan_raw(text, begin);
  StringLiteral literal;
  size_t at = begin + 1;
  while (at < text.size() && text[at] != quote && text[at] != '\n') {
    if (text[at] != '\\') {
      literal.value += text[at++];
      continue;
    }
    const size_t next = decode_escape(text, at, literal.value);
    if (next == 0) {
      literal.end = text.size();
      literal.error = fmt::format("'{}' is no escape in a string; write \\\\ for a backslash, or use `…`", text.substr(at, 2));
      if (find_invalid_utf8(text.substr(at, 2))) literal.error = "unknown escape in a string; write \\\\ for a backslash, or use `…`";
      return literal;
    }
    at = next;
  }
  if (at >= text.size() || text[at] == '\n') {
    return {.value = "", .end = text.size(), .error = fmt::format("the string has no closing {}", quote)};
  }
  if (find_invalid_utf8(literal.value)) literal.error = "the escapes in the string make bytes that are no UTF-8";
  literal.end = at + 1;
  return literal;
}

}  // namespace tocsin::rules
