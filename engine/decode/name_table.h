#pragma once

// A small set of names with a number each, for looking up the key of every member and label that passes by.
//
// Open addressing over a hash of the length and of the first and last eight bytes: names that rules and events use differ in
// those, and a miss (the common case for labels) usually ends at one empty cell.
//
// Thread:     immutable after the last add().
// Invariants: at least half of the cells are empty.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin::decode {

inline uint64_t load64(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

inline uint32_t load32(const char* p) {
  uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// a == b, without a call for short names.
inline bool is_same_name(std::string_view a, std::string_view b) {
  const size_t n = a.size();
  if (n != b.size()) return false;
  if (n > 16) return std::memcmp(a.data(), b.data(), n) == 0;
  const char* p = a.data();
  const char* q = b.data();
  if (n >= 8) return load64(p) == load64(q) && load64(p + n - 8) == load64(q + n - 8);
  if (n >= 4) return load32(p) == load32(q) && load32(p + n - 4) == load32(q + n - 4);
  for (size_t i = 0; i < n; ++i) {
    if (p[i] != q[i]) return false;
  }
  return true;
}

class NameTable {
 public:
  NameTable() : cells_(16, kEmpty) {}

  // `name` must be new, `number` >= 0.
  void add(std::string_view name, int number);

  // The number of `name`, or -1.
  int find(std::string_view name) const {
    for (size_t cell = hash(name) & (cells_.size() - 1);; cell = (cell + 1) & (cells_.size() - 1)) {
      const int32_t entry = cells_[cell];
      if (entry == kEmpty) return -1;
      const Entry& candidate = entries_[static_cast<size_t>(entry)];
      if (is_same_name(candidate.name, name)) return candidate.number;
    }
  }

 private:
  struct Entry {
    std::string name;
    int number;
  };
  static constexpr int32_t kEmpty = -1;

  static size_t hash(std::string_view name) {
    const char* p = name.data();
    const size_t n = name.size();
    uint64_t mixed = n;
    if (n >= 8) {
      mixed ^= load64(p) * 0x9e3779b97f4a7c15ULL + load64(p + n - 8);
    } else if (n >= 4) {
      mixed ^= (uint64_t{load32(p)} << 32) | load32(p + n - 4);
    } else {
      for (size_t i = 0; i < n; ++i) mixed = (mixed << 8) | static_cast<unsigned char>(p[i]);
    }
    mixed *= 0xff51afd7ed558ccdULL;
    return static_cast<size_t>(mixed >> 32);
  }
  void place(size_t entry);

  std::vector<Entry> entries_;
  std::vector<int32_t> cells_;  // a power of two of them
};

}  // namespace tocsin::decode
