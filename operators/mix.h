#pragma once

// Multiply-fold mixing of 8-byte words, in the manner of wyhash. Fixed for ever: hash_group places groups on partitions.
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

inline uint64_t load(const char* bytes, size_t n) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, n);
  return word;
}

inline uint64_t hash_bytes(std::string_view text, uint64_t state) {
  const char* bytes = text.data();
  size_t left = text.size();
  state ^= fold(text.size() + kSecret, kMix);
  for (; left > 8; left -= 8, bytes += 8) state = fold(state ^ load(bytes, 8), kMix);
  if (left > 0) state = fold(state ^ load(bytes, left), kSecret);
  return state;
}

}  // namespace tocsin::mix
