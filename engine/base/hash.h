#pragma once

// Hashes with a fixed definition, because their values are stored or published.

#include <cstdint>
#include <string_view>

namespace tocsin {

inline constexpr uint64_t kFnvOffsetBasis = 0xcbf29ce484222325ULL;
inline constexpr uint64_t kFnvPrime = 0x100000001b3ULL;

// FNV-1a, 64 bit (draft-eastlake-fnv): goes on from `state`.
constexpr uint64_t fnv1a(std::string_view bytes, uint64_t state = kFnvOffsetBasis) {
  for (const char c : bytes) {
    state ^= static_cast<unsigned char>(c);
    state *= kFnvPrime;
  }
  return state;
}

}  // namespace tocsin
