#pragma once

// What a t-digest holds: clusters in strict order, each kept by its bounds.
//
// A t-digest that keeps a mean for each cluster has no bound on its error: clusters come to overlap, and of a cluster of wide
// range no more is known than a mean that its largest members pull up (values log-uniform over 240 octaves put the median off by
// 10 % of the ranks; G. Cormode et al., "Theory meets Practice at the Median", arXiv:2102.09299, build worse ones). Here a cluster
// is the open interval between two *marks*, values that were seen, and the weight in it, the *gap*; a mark has its own weight. Two
// lists are added by splitting the clusters of each at the marks of the other. So clusters never overlap, equal and heavy values
// stay exact as marks, and the count below a mark is wrong by no more than the splits were, which the weight of a cluster bounds.
//
// Thread:     worker-confined plain values and pure functions.
// Invariants: (1) marks are finite and ascend strictly; (2) every mark has a weight of at least 1; (3) the first and the last mark
//             are the minimum and the maximum; (4) gaps is empty, or has one entry a mark, the first being 0.
// Failure:    none.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tocsin {

struct Mark {
  double value;
  uint64_t weight;
  friend bool operator==(const Mark&, const Mark&) = default;
};

struct Clusters {
  std::vector<Mark> marks;
  std::vector<uint64_t> gaps;  // gaps[i]: the weight strictly between marks[i - 1] and marks[i]; empty if there is none at all

  bool exact() const { return gaps.empty(); }
  uint64_t gap(size_t i) const { return gaps.empty() ? 0 : gaps[i]; }
  friend bool operator==(const Clusters&, const Clusters&) = default;
};

// How heavy a cluster may be, by its place in a digest of `count`. The lesser of two limits:
//   k2 of the t-digest paper, dq = q (1 - q) (4 ln(n / delta) + 24) / delta, keeps the ends fine: the clusters around p99.9 of a
//   million values have some 150 of them;
//   a fixed part of the rank error that is promised bounds the middle, where k2 alone would allow 4 % of all values.
// The latter grows whatever is added on either side of a place, and for a merged digest it is at least the sum of its parts'
// limits: what was fine enough before a merge is so after it, in any order.
class ClusterLimit {
 public:
  static constexpr double kDelta = 400;
  // A single split or look-up costs at most this part of the promise. What the splits of thousands of merges add up to cannot be
  // bounded; the worst orders and distributions that we could build come to 0.9 of the promise, at ten million values (tests/unit/sketch).
  static constexpr double kPartOfPromise = 0.25;

  explicit ClusterLimit(uint64_t count);

  // The greatest weight for a cluster that begins above `rank` values.
  uint64_t from(uint64_t rank) const;

 private:
  double at(double rank) const;

  double count_;
  double per_count_;
  double k2_;
};

// `values`, ascending and of weight 1 each (T is uint32_t or double): exact if they are at most `exact_limit` different ones, else
// clusters within the limit of their number.
template <typename T>
Clusters clusters_of_sorted(std::span<const T> values, size_t exact_limit);

// All that is in `a` and in `b`.
Clusters added(const Clusters& a, const Clusters& b);

// Takes out every mark that the limit allows to go, its weight into the gap. Doing it again changes nothing. Those that are in `kept`, in
// ascending order, stay.
void thin(Clusters& clusters, const ClusterLimit& limit, std::span<const Mark> kept = {});

// The rank-th value, from 1, of the gap before a mark: it is taken to be in the middle of the rank-th of gap(mark) equal parts.
double value_in_gap(const Clusters& clusters, size_t mark, uint64_t rank);

// The value that lies `share` (0 to 1) of the way from low to high, measured in octaves and evenly inside each if both have the same
// sign, evenly over all otherwise. Monotone in `share`, never outside [low, high].
double between(double low, double high, double share);

}  // namespace tocsin
