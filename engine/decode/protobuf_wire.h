#pragma once

// The protobuf wire format, read by hand. Every function takes the position and the end of the readable bytes and returns the
// position behind what it read, or nullptr if that is broken or cut off.
//
// What is accepted is what the C++ library accepts: tags of up to 5 bytes and varints of up to 10, also longer than needed, with
// bits beyond the type's width cut off; lengths of up to 5 bytes below 2 GiB; groups (ended by their own number) nested at most
// as deep as messages may be; no field number 0.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tocsin::decode {

static_assert(std::endian::native == std::endian::little, "fixed-size fields are copied as they are");

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };

constexpr uint32_t make_tag(uint32_t field, WireType type) { return field << 3 | static_cast<uint32_t>(type); }

// Messages and groups within each other, the outermost message not counted.
inline constexpr int kNestingMax = 100;

const uint8_t* read_varint_slow(const uint8_t* p, const uint8_t* end, uint64_t& value);
const uint8_t* read_tag_slow(const uint8_t* p, const uint8_t* end, uint32_t& tag);
const uint8_t* read_size_slow(const uint8_t* p, const uint8_t* end, size_t& size);

inline const uint8_t* read_varint(const uint8_t* p, const uint8_t* end, uint64_t& value) {
  if (p < end && *p < 0x80) [[likely]] {
    value = *p;
    return p + 1;
  }
  return read_varint_slow(p, end, value);
}

// A varint that is expected to be six bytes long, as Unix milliseconds are from 1971 to 2109.
inline const uint8_t* read_varint_of_six(const uint8_t* p, const uint8_t* end, uint64_t& value) {
  if (end - p < 8) return read_varint(p, end, value);
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  if ((word & 0x0000808080808080ULL) != 0x0000008080808080ULL) return read_varint(p, end, value);
  value = (word & 0x7f) | (word >> 1 & 0x7fULL << 7) | (word >> 2 & 0x7fULL << 14) | (word >> 3 & 0x7fULL << 21) |
          (word >> 4 & 0x7fULL << 28) | (word >> 5 & 0x7fULL << 35);
  return p + 6;
}

inline const uint8_t* read_tag(const uint8_t* p, const uint8_t* end, uint32_t& tag) {
  if (p < end && *p < 0x80) [[likely]] {
    tag = *p;
    return p + 1;
  }
  if (end - p >= 2 && p[1] < 0x80) {
    tag = (p[0] & 0x7fU) | static_cast<uint32_t>(p[1]) << 7;
    return p + 2;
  }
  return read_tag_slow(p, end, tag);
}

inline const uint8_t* read_double(const uint8_t* p, const uint8_t* end, double& value) {
  if (end - p < 8) return nullptr;
  std::memcpy(&value, p, sizeof value);
  return p + 8;
}

// A length-delimited value: a string or a submessage.
inline const uint8_t* read_bytes(const uint8_t* p, const uint8_t* end, std::string_view& bytes) {
  size_t size = 0;
  if (p < end && *p < 0x80) [[likely]] {
    size = *p++;
  } else {
    p = read_size_slow(p, end, size);
    if (p == nullptr) return nullptr;
  }
  if (static_cast<size_t>(end - p) < size) return nullptr;
  bytes = {reinterpret_cast<const char*>(p), size};
  return p + size;
}

// Passes over the value of a field whose tag was read; groups in it may be nested `nesting` deep.
const uint8_t* skip_field(uint32_t tag, const uint8_t* p, const uint8_t* end, int nesting);

}  // namespace tocsin::decode
