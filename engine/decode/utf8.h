#pragma once

// UTF-8 validity as protobuf and JSON demand it (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF). Apart from
// engine/base/utf8.h, which decodes the characters too: this is done for every text that is extracted from an event.

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tocsin::decode {

// Bytes are looked at eight at a time, the last eight overlapping those before: no loop over single bytes for 4 bytes or more.
inline bool is_ascii(std::string_view text) {
  const char* p = text.data();
  const size_t n = text.size();
  uint64_t bits = 0;
  uint64_t word = 0;
  if (n >= 8) {
    for (size_t i = 0; i + 8 < n; i += 8) {
      std::memcpy(&word, p + i, 8);
      bits |= word;
    }
    std::memcpy(&word, p + n - 8, 8);
    bits |= word;
  } else if (n >= 4) {
    uint32_t half = 0;
    std::memcpy(&half, p, 4);
    bits = half;
    std::memcpy(&half, p + n - 4, 4);
    bits |= half;
  } else {
    for (const char c : text) bits |= static_cast<unsigned char>(c);
  }
  return (bits & 0x8080808080808080ULL) == 0;
}

bool is_valid_utf8_slow(std::string_view text);

inline bool is_valid_utf8(std::string_view text) { return is_ascii(text) || is_valid_utf8_slow(text); }

}  // namespace tocsin::decode
