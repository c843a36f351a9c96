#pragma once

// Varints as protobuf writes them: seven bits a byte, the low ones first. Reading is left to the formats, which differ in what they refuse.
//
// Thread: pure function.

#include <cstdint>
#include <string>

namespace tocsin {

// In its shortest form.
inline void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// At `out`, which has room for five bytes; returns where it ends.
inline char* put_varint(char* out, uint32_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<char>(value | 0x80);
  *out++ = static_cast<char>(value);
  return out;
}

}  // namespace tocsin
