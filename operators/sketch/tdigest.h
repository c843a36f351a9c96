#pragma once

// t-digest: a mergeable sketch of a distribution with rank error falling towards the ends
// (T. Dunning and O. Ertl, "Computing Extremely Accurate Quantiles Using t-Digests", arXiv:1902.04023).
//
// Exact while it holds at most kRawLimit different values: then it is the sorted list of (value, weight) itself (latencies are whole
// microseconds up to 2^53, which doubles hold). Beyond that: clusters sized by scale function k2 with delta = 400, and in the middle by the
// rank error that is promised. Unlike the paper's they are kept by their bounds, not by their means, and so never overlap: clusters.h says
// why. Every mark that goes and every one that comes into a cluster costs accuracy. So what is light beside a digest leaves the digest's
// marks where they are, and otherwise they are thinned out only when they are more than kMaxMarks, and in encode(). Reproducible: the same
// calls in the same order give the same bytes.
//
// Thread:     worker-confined value type; const functions too may sort in what add() has left, so none may run beside another.
// Invariants: (1) count() is the exact sum of all weights; (2) min() and max() are exact; (3) all is exact while is_raw().
// Failure:    decode() checks every bound and returns nothing for bytes that encode() cannot have written. A value that is not
//             finite and a weight of 0 are a programmer's mistake and abort. Weights must add up to less than kMaxCount.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "operators/sketch/clusters.h"

namespace tocsin {

// max(1, ceil(q * n)), at most n: the rank of a quantile, 0 <= q <= 1, among n >= 1 values. A product that misses a whole number only by
// rounding (0.07 * 100) counts as that number.
uint64_t nearest_rank(double q, uint64_t n);

class TDigest {
 public:
  static constexpr size_t kRawLimit = 64;
  static constexpr size_t kMaxMarks = 2048;
  static constexpr uint64_t kMaxCount = uint64_t{1} << 62;

  // Adds values in ascending order (sort.h), each of weight 1 (the path of a flush: the buffer is sorted once).
  void add_sorted(std::span<const uint32_t> values);
  void add_sorted(std::span<const double> values);
  void add(double value, uint64_t weight = 1);
  void merge(const TDigest& other);

  uint64_t count() const { return count_; }
  bool empty() const { return count() == 0; }
  double min() const;  // 0 if empty
  double max() const;

  // Memory that it holds beside itself.
  size_t heap_bytes() const {
    return clusters_.marks.capacity() * sizeof(Mark) + clusters_.gaps.capacity() * sizeof(uint64_t) + pending_.capacity() * sizeof(Mark);
  }

  // What it holds.
  const Clusters& clusters() const {
    settle();
    return clusters_;
  }
  // True while it holds at most kRawLimit different values, each of them exact.
  bool is_raw() const;

  // The value at nearest rank k = max(1, ceil(q * n)): exact while is_raw(), else interpolated between marks, within
  // [min(), max()] and monotone in q. 0 <= q <= 1; 0 if empty. Rank error at most (0.02 q (1 - q) + 0.001) n + 1 (SPEC 3.1).
  double quantile(double q) const;

  // Appends a self-delimiting encoding (docs/state-format.md, tdigest_codec.cc); decode reads one that fills `bytes` exactly.
  void encode(std::string& out) const;
  static std::optional<TDigest> decode(std::string_view bytes);

 private:
  static constexpr size_t kPendingLimit = 1024;
  static constexpr size_t kUsualMarks = 1024;
  static constexpr uint64_t kAbsorbed = 8;  // what weighs at most this part of a digest leaves the other's marks where they are

  template <typename T>
  void add_sorted_values(std::span<const T> values);
  void add_raw(const Mark& entry);
  void join(const Clusters& more, uint64_t weight) const;
  void settle() const;

  uint64_t count_ = 0;
  mutable Clusters clusters_;
  mutable std::vector<Mark> pending_;  // in order of arrival, not yet in clusters_; always empty while raw
};

}  // namespace tocsin
