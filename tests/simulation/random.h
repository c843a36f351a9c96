#pragma once

// Numbers that follow from a seed alone, on every machine (SplitMix64; Steele, Lea, Flood 2014).
//
// Thread: confined.

#include <cstddef>
#include <cstdint>

namespace tocsin::simulation {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 .. n - 1; n > 0.
  uint64_t below(uint64_t n) { return next() % n; }
  // from .. to, both included.
  int64_t between(int64_t from, int64_t to) { return from + static_cast<int64_t>(below(static_cast<uint64_t>(to - from + 1))); }
  // True once in n times; never for 0.
  bool one_in(uint64_t n) { return n != 0 && below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace tocsin::simulation
