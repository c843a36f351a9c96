#pragma once

// Keys whose byte order is the order of the values in them, so that a store's scan walks fields as one would sort them.
//
//   u8, u32, u64   big endian
//   i64            big endian with the sign bit flipped: negative numbers come first
//   bytes          every 0x00 as 0x00 0xFF, then the terminator 0x00 0x01; so "a" < "a\0" < "ab", and no field runs into the next
//   raw            as they are, for fields whose length is fixed (hashes)
//
// This is a stored format: the tests pin its bytes.
//
// Thread:  plain values.
// Failure: KeyReader turns bad for good at the first field that the key does not hold; it never reads past the end.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tocsin::state {

class KeyWriter {
 public:
  KeyWriter& u8(uint8_t value);
  KeyWriter& u32(uint32_t value);
  KeyWriter& u64(uint64_t value);
  KeyWriter& i64(int64_t value);
  KeyWriter& bytes(std::string_view value);
  KeyWriter& raw(std::string_view value);

  const std::string& key() const { return key_; }
  std::string take() { return std::exchange(key_, {}); }

 private:
  std::string key_;
};

// Reads the fields in the order in which they were written. After a failure every read gives zero or nothing and ok() is false:
// read all fields, then ask complete() once.
class KeyReader {
 public:
  explicit KeyReader(std::string_view key) : rest_(key) {}

  uint8_t u8();
  uint32_t u32();
  uint64_t u64();
  int64_t i64();
  std::string bytes();
  // A view into the key.
  std::string_view raw(size_t size);

  bool ok() const { return ok_; }
  // Every read succeeded and nothing is left.
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  uint64_t big_endian(size_t size);
  void fail();

  std::string_view rest_;
  bool ok_ = true;
};

// The least key greater than every key that begins with `prefix`: the end of a scan over it. Empty, which a scan takes for "to
// the end", if there is none: `prefix` is empty or all 0xFF.
std::string prefix_end(std::string_view prefix);

}  // namespace tocsin::state
