#include "engine/decode/protobuf_wire.h"

#include <limits>

namespace tocsin::decode {
namespace {

// A varint of at most `bytes_max` bytes; bits above the 64th are cut off.
const uint8_t* read_varint_of(int bytes_max, const uint8_t* p, const uint8_t* end, uint64_t& value) {
  uint64_t result = 0;
  for (int i = 0; i < bytes_max && p < end; ++i) {
    const uint8_t byte = *p++;
    result |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      value = result;
      return p;
    }
  }
  return nullptr;
}

const uint8_t* skip_group(uint32_t field, const uint8_t* p, const uint8_t* end, int nesting) {
  while (true) {
    uint32_t tag = 0;
    p = read_tag(p, end, tag);
    if (p == nullptr) return nullptr;
    if (tag == make_tag(field, WireType::kEndGroup)) return p;
    p = skip_field(tag, p, end, nesting);
    if (p == nullptr) return nullptr;
  }
}

}  // namespace

const uint8_t* read_varint_slow(const uint8_t* p, const uint8_t* end, uint64_t& value) { return read_varint_of(10, p, end, value); }

const uint8_t* read_tag_slow(const uint8_t* p, const uint8_t* end, uint32_t& tag) {
  uint64_t value = 0;
  p = read_varint_of(5, p, end, value);
  tag = static_cast<uint32_t>(value);
  return p;
}

const uint8_t* read_size_slow(const uint8_t* p, const uint8_t* end, size_t& size) {
  uint64_t value = 0;
  p = read_varint_of(5, p, end, value);
  if (p == nullptr || value > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) return nullptr;
  size = static_cast<size_t>(value);
  return p;
}

const uint8_t* skip_field(uint32_t tag, const uint8_t* p, const uint8_t* end, int nesting) {
  const uint32_t field = tag >> 3;
  if (field == 0) return nullptr;
  uint64_t varint = 0;
  std::string_view bytes;
  switch (static_cast<WireType>(tag & 7)) {
    case WireType::kVarint: return read_varint(p, end, varint);
    case WireType::kFixed64: return end - p < 8 ? nullptr : p + 8;
    case WireType::kBytes: return read_bytes(p, end, bytes);
    case WireType::kStartGroup: return nesting <= 0 ? nullptr : skip_group(field, p, end, nesting - 1);
    case WireType::kFixed32: return end - p < 4 ? nullptr : p + 4;
    case WireType::kEndGroup: break;  // of a group that was not begun
  }
  return nullptr;
}

}  // namespace tocsin::decode
