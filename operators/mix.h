#pragma once

// Multiply-fold mixing of 8-byte words, in the manner of wyhash. fold() and the constants are fixed for ever: by them hash_group places
// groups on partitions. Hashes of bytes are for tables in memory.
//
// Thread: pure functions.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "operators/total.h"

namespace tocsin::mix {

inline constexpr uint64_t kMix = 0x9e3779b97f4a7c15ULL;
inline constexpr uint64_t kSecret = 0xa0761d6478bd642fULL;

inline uint64_t fold(uint64_t a, uint64_t b) {
  const Uint128 product = Uint128{a} * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

template <typename T>
uint64_t load(const char* bytes) {
  T word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// The first `n` bytes, 1 to 8, as the low ones of a word. By loads of fixed sizes that overlap: a call of memcpy costs more than all else
// here.
inline uint64_t load(const char* bytes, size_t n) {
  if (n == 8) return load<uint64_t>(bytes);
  if (n >= 4) return load<uint32_t>(bytes) | load<uint32_t>(bytes + n - 4) << (8 * (n - 4));
  if (n >= 2) return load<uint16_t>(bytes) | load<uint8_t>(bytes + n - 1) << (8 * (n - 1));
  return load<uint8_t>(bytes);
}

// As memcmp() == 0, for texts that are mostly short.
inline bool same_bytes(const char* a, const char* b, size_t n) {
  for (; n > 8; n -= 8, a += 8, b += 8) {
    if (load<uint64_t>(a) != load<uint64_t>(b)) return false;
  }
  return n == 0 || load(a, n) == load(b, n);
}

inline uint64_t hash_bytes(std::string_view text, uint64_t state) {
  const char* bytes = text.data();
  size_t left = text.size();
  state ^= fold(text.size() + kSecret, kMix);
  for (; left > 8; left -= 8, bytes += 8) state = fold(state ^ load<uint64_t>(bytes), kMix);
  if (left > 0) state = fold(state ^ load(bytes, left), kSecret);
  return state;
}

}  // namespace tocsin::mix
