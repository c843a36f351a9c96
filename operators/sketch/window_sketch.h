#pragma once

// The latencies of one group in one window, as they are asked for: a t-digest, and values beside it that are not merged into it.
//
// A quantile of both needs no merged digest, only how many of each lie before a place. So what a window shares with the one of a second
// ago, nearly all, can be kept as one digest, and the rest need only be sorted.
//
// Thread:     worker-confined plain values; a RankedDigest does not change and may be shared.
// Invariants: quantile() is monotone in q, within [min, max] of what was added, and no further from the exact rank than the digest alone
//             promises for as many values as there are in all: with c of its values at or before the place and d after it, the digest errs
//             by no more than 0.02 c d / (c + d) + 0.001 (c + d) + 1, which grows with c and with d.
// Failure:    none.

#include <cstdint>
#include <memory>
#include <vector>

#include "operators/sketch/tdigest.h"

namespace tocsin {

// A digest with the number of values up to each of its marks.
class RankedDigest {
 public:
  explicit RankedDigest(TDigest digest);

  // The value at nearest rank q of the digest's and the others together, `others` ascending; 0 if there are none at all.
  double quantile(double q, const std::vector<uint32_t>& others) const;

  const TDigest& digest() const { return digest_; }
  size_t heap_bytes() const { return digest_.heap_bytes() + up_to_.capacity() * sizeof(uint64_t); }

 private:
  TDigest digest_;
  std::vector<uint64_t> up_to_;  // by mark
};

struct WindowSketch {
  uint64_t latency_min_us = UINT64_MAX;
  uint64_t latency_max_us = 0;
  std::shared_ptr<const RankedDigest> digest;  // null: none
  std::vector<uint32_t> values;                // ascending

  // Of parts that came from elsewhere; `digest` may be empty, `values` in any order.
  static WindowSketch of(TDigest digest, std::vector<uint32_t> values);
  // All that is in the parts. One digest is shared with its part, several are merged.
  static WindowSketch merged(const std::vector<const WindowSketch*>& parts);
  // Puts the values into the digest if they are more than `most`.
  void fold_beyond(size_t most);

  uint64_t count() const { return (digest ? digest->digest().count() : 0) + values.size(); }
  double quantile(double q) const;  // microseconds; 0 if count() is 0
  size_t heap_bytes() const { return (digest ? digest->heap_bytes() : 0) + values.capacity() * sizeof(uint32_t); }
};

}  // namespace tocsin
