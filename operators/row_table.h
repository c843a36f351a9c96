#pragma once

// Dense numbers for rows of 32-bit words, all of one width: what tuples of interned values are kept in. A row costs its words and some
// eight bytes.
//
// Thread:     worker-confined.
// Invariants: ids are dense from 0, in the order of addition.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/check.h"
#include "operators/mix.h"

namespace tocsin {

class RowTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  using Row = std::span<const uint32_t>;

  explicit RowTable(size_t width) : width_(width), index_(kLeastCapacity, kNone) {}

  size_t size() const { return size_; }
  Row row(uint32_t id) const { return {words_.data() + id * width_, width_}; }

  // The row's id, or kNone.
  uint32_t find(Row row) const {
    const size_t mask = index_.size() - 1;
    for (size_t at = hash(row) & mask; index_[at] != kNone; at = (at + 1) & mask) {
      if (std::equal(row.begin(), row.end(), words_.begin() + static_cast<std::ptrdiff_t>(index_[at] * width_))) return index_[at];
    }
    return kNone;
  }

  // It must not be there.
  uint32_t add(Row row) {
    TOCSIN_CHECK(size_ < kNone, "more rows than there are ids");
    if ((size_ + 1) * 4 > index_.size() * 3) grow();
    const auto id = static_cast<uint32_t>(size_++);
    words_.insert(words_.end(), row.begin(), row.end());
    place(id);
    return id;
  }

  // Memory, an estimate that grows evenly: tables double, and are half empty on average.
  size_t bytes() const { return size_ * ((width_ * sizeof(uint32_t)) * 3 / 2 + 2 * sizeof(uint32_t)); }

 private:
  static constexpr size_t kLeastCapacity = 16;

  static uint64_t hash(Row row) {
    uint64_t state = mix::kSecret;
    for (const uint32_t word : row) state = mix::fold(state ^ word, mix::kMix);
    return state;
  }
  void place(uint32_t id) {
    const size_t mask = index_.size() - 1;
    size_t at = hash(row(id)) & mask;
    while (index_[at] != kNone) at = (at + 1) & mask;
    index_[at] = id;
  }
  void grow() {
    index_.assign(index_.size() * 2, kNone);
    for (uint32_t id = 0; id < size_; ++id) place(id);
  }

  size_t width_;
  size_t size_ = 0;
  std::vector<uint32_t> words_;
  std::vector<uint32_t> index_;  // open addressing
};

}  // namespace tocsin
