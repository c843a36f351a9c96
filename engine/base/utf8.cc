#include "engine/base/utf8.h"

#include <algorithm>

namespace tocsin {
namespace {

constexpr char32_t kLastCodePoint = 0x10FFFF;

bool is_surrogate(char32_t value) { return value >= 0xD800 && value <= 0xDFFF; }

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

std::optional<CodePoint> utf8_at(std::string_view text, size_t offset) {
  const auto lead = static_cast<unsigned char>(text[offset]);
  if (lead < 0x80) return CodePoint{lead, 1};
  size_t bytes = 0;
  char32_t value = 0;
  char32_t least = 0;  // anything below would have a shorter form
  if ((lead & 0xE0U) == 0xC0U) {
    bytes = 2, value = lead & 0x1FU, least = 0x80;
  } else if ((lead & 0xF0U) == 0xE0U) {
    bytes = 3, value = lead & 0x0FU, least = 0x800;
  } else if ((lead & 0xF8U) == 0xF0U) {
    bytes = 4, value = lead & 0x07U, least = 0x10000;
  } else {
    return std::nullopt;
  }
  if (text.size() - offset < bytes) return std::nullopt;
  for (const char c : text.substr(offset + 1, bytes - 1)) {
    if (!is_continuation(c)) return std::nullopt;
    value = (value << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
  }
  if (value < least || value > kLastCodePoint || is_surrogate(value)) return std::nullopt;
  return CodePoint{value, bytes};
}

std::optional<size_t> find_invalid_utf8(std::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const std::optional<CodePoint> next = utf8_at(text, offset);
    if (!next) return offset;
    offset += next->bytes;
  }
  return std::nullopt;
}

size_t count_code_points(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

bool append_utf8(std::string& out, char32_t value) {
  if (value > kLastCodePoint || is_surrogate(value)) return false;
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80U | ((value >> shift) & 0x3FU)); };
  if (value < 0x80) {
    out += static_cast<char>(value);
  } else if (value < 0x800) {
    out += static_cast<char>(0xC0U | (value >> 6U));
    tail(0);
  } else if (value < 0x10000) {
    out += static_cast<char>(0xE0U | (value >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | (value >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
  return true;
}

}  // namespace tocsin
