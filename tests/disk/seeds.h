#pragma once

// How many seeds a test of this folder runs: as it says itself, or TOCSIN_SEEDS, from TOCSIN_SEED on.

#include <cstdint>
#include <cstdlib>
#include <string>

namespace tocsin::disk {

struct Seeds {
  uint64_t from = 1;
  uint64_t count = 0;
};

inline Seeds seeds(uint64_t count) {
  const auto number = [](const char* name, uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::stoull(text);
  };
  return {number("TOCSIN_SEED", 1), number("TOCSIN_SEEDS", count)};
}

// To be shown with a failure.
inline std::string reproduction(uint64_t seed, const std::string& test) {
  return "TOCSIN_SEED=" + std::to_string(seed) + " TOCSIN_SEEDS=1 build/release/bin/disk_test --gtest_filter=" + test;
}

}  // namespace tocsin::disk
