#include "state/key_codec.h"

#include <array>

namespace tocsin::state {
namespace {

constexpr char kEscaped = '\x00';
constexpr char kZero = '\xff';
constexpr char kEnd = '\x01';
constexpr uint64_t kSignBit = uint64_t{1} << 63;

void append_big_endian(std::string& key, uint64_t value, size_t size) {
  std::array<char, 8> buffer;
  for (size_t i = 0; i < size; ++i) buffer[i] = static_cast<char>(value >> (8 * (size - 1 - i)));
  key.append(buffer.data(), size);
}

}  // namespace

KeyWriter& KeyWriter::u8(uint8_t value) {
  append_big_endian(key_, value, 1);
  return *this;
}

KeyWriter& KeyWriter::u32(uint32_t value) {
  append_big_endian(key_, value, 4);
  return *this;
}

KeyWriter& KeyWriter::u64(uint64_t value) {
  append_big_endian(key_, value, 8);
  return *this;
}

KeyWriter& KeyWriter::i64(int64_t value) { return u64(static_cast<uint64_t>(value) ^ kSignBit); }

KeyWriter& KeyWriter::bytes(std::string_view value) {
  for (size_t zero = value.find('\0'); zero != std::string_view::npos; zero = value.find('\0')) {
    key_.append(value.substr(0, zero));
    key_ += {kEscaped, kZero};
    value.remove_prefix(zero + 1);
  }
  key_.append(value);
  key_ += {kEscaped, kEnd};
  return *this;
}

KeyWriter& KeyWriter::raw(std::string_view value) {
  key_.append(value);
  return *this;
}

uint8_t KeyReader::u8() { return static_cast<uint8_t>(big_endian(1)); }
uint32_t KeyReader::u32() { return static_cast<uint32_t>(big_endian(4)); }
uint64_t KeyReader::u64() { return big_endian(8); }

int64_t KeyReader::i64() {
  const uint64_t bits = big_endian(8);
  return ok_ ? static_cast<int64_t>(bits ^ kSignBit) : 0;
}

std::string KeyReader::bytes() {
  std::string value;
  for (size_t escape = rest_.find(kEscaped); escape + 1 < rest_.size(); escape = rest_.find(kEscaped)) {
    value.append(rest_.substr(0, escape));
    const char what = rest_[escape + 1];
    rest_.remove_prefix(escape + 2);
    if (what == kEnd) return value;
    if (what != kZero) break;
    value += '\0';
  }
  fail();
  return {};
}

std::string_view KeyReader::raw(size_t size) {
  if (size > rest_.size()) {
    fail();
    return {};
  }
  const std::string_view value = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return value;
}

uint64_t KeyReader::big_endian(size_t size) {
  uint64_t value = 0;
  for (const char c : raw(size)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

void KeyReader::fail() {
  ok_ = false;
  rest_ = {};
}

std::string prefix_end(std::string_view prefix) {
  const size_t last = prefix.find_last_not_of('\xff');
  if (last == std::string_view::npos) return {};
  std::string end(prefix.substr(0, last + 1));
  end[last] = static_cast<char>(static_cast<unsigned char>(end[last]) + 1);
  return end;
}

}  // namespace tocsin::state
