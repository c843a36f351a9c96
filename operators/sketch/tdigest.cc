#include "operators/sketch/tdigest.h"

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"

namespace tocsin {
namespace {

// Sorts and joins equal values.
Clusters clusters_of(std::vector<Mark>& entries) {
  std::sort(entries.begin(), entries.end(), [](const Mark& a, const Mark& b) { return a.value < b.value; });
  Clusters result;
  result.marks.reserve(entries.size());
  for (const Mark& entry : entries) {
    if (!result.marks.empty() && result.marks.back().value == entry.value) {
      result.marks.back().weight += entry.weight;
    } else {
      result.marks.push_back(entry);
    }
  }
  return result;
}

}  // namespace

uint64_t nearest_rank(double q, uint64_t n) {
  TOCSIN_CHECK(q >= 0 && q <= 1, "a quantile lies in [0, 1]");
  // Quantiles are written in decimals, which doubles miss by a part in 2^53 either way.
  constexpr double kRoundingOff = 1 - 0x1p-50;
  const double rank = std::ceil(q * static_cast<double>(n) * kRoundingOff);
  return std::clamp(static_cast<uint64_t>(rank), uint64_t{1}, n);
}

void TDigest::add_sorted(std::span<const uint32_t> values) { add_sorted_values(values); }

void TDigest::add_sorted(std::span<const double> values) {
  if (values.empty()) return;
  TOCSIN_CHECK(std::isfinite(values.front()) && std::isfinite(values.back()), "a digest takes finite values");
  add_sorted_values(values);
}

template <typename T>
void TDigest::add_sorted_values(std::span<const T> values) {
  if (values.empty()) return;
  settle();
  count_ += values.size();
  join(clusters_of_sorted(values, kRawLimit), values.size());
}

void TDigest::add(double value, uint64_t weight) {
  TOCSIN_CHECK(std::isfinite(value) && weight > 0, "a digest takes finite values with a weight");
  count_ += weight;
  const Mark entry{value + 0.0, weight};  // -0 becomes 0: equal values have equal bytes
  if (is_raw()) {
    add_raw(entry);
  } else {
    pending_.push_back(entry);
    if (pending_.size() >= kPendingLimit) settle();
  }
}

// The 65th different value ends the raw state and stays as exact as the others until they are thinned out.
void TDigest::add_raw(const Mark& entry) {
  std::vector<Mark>& marks = clusters_.marks;
  const auto lower = [](const Mark& mark, double value) { return mark.value < value; };
  const auto at = std::lower_bound(marks.begin(), marks.end(), entry.value, lower);
  if (at != marks.end() && at->value == entry.value) {
    at->weight += entry.weight;
  } else {
    marks.insert(at, entry);
  }
}

void TDigest::merge(const TDigest& other) {
  if (other.empty()) return;
  if (&other == this) return merge(TDigest(other));
  other.settle();
  const std::vector<Mark>& marks = other.clusters_.marks;
  if (!is_raw() && other.clusters_.exact() && marks.size() <= kPendingLimit / 2) {
    // Many small digests into a large one: cheaper, and more accurate, to go through it once for all of them.
    count_ += other.count_;
    pending_.insert(pending_.end(), marks.begin(), marks.end());
    if (pending_.size() >= kPendingLimit) settle();
    return;
  }
  settle();
  count_ += other.count_;
  join(other.clusters_, other.count_);
}

// Expects count_ to include `more` already, which weighs `weight`.
void TDigest::join(const Clusters& more, uint64_t weight) const {
  Clusters sum = clusters_.marks.empty() ? more : added(clusters_, more);
  if (sum.marks.size() > kUsualMarks) {
    const ClusterLimit limit(count_);
    const uint64_t lighter = std::min(weight, count_ - weight);
    if (lighter <= count_ / kAbsorbed) thin(sum, limit, lighter == weight ? clusters_.marks : more.marks);
    if (sum.marks.size() > kMaxMarks) thin(sum, limit);
  }
  clusters_ = std::move(sum);
}

void TDigest::settle() const {
  if (pending_.empty()) return;
  const Clusters more = clusters_of(pending_);
  pending_.clear();
  uint64_t weight = 0;
  for (const Mark& mark : more.marks) weight += mark.weight;
  join(more, weight);
}

double TDigest::min() const {
  settle();
  return clusters_.marks.empty() ? 0 : clusters_.marks.front().value;
}

double TDigest::max() const {
  settle();
  return clusters_.marks.empty() ? 0 : clusters_.marks.back().value;
}

bool TDigest::is_raw() const { return clusters_.marks.size() <= kRawLimit && clusters_.exact(); }

double TDigest::quantile(double q) const {
  TOCSIN_CHECK(q >= 0 && q <= 1, "a quantile lies in [0, 1]");
  if (empty()) return 0;
  settle();
  uint64_t rank = nearest_rank(q, count_);  // among what has not been passed yet
  for (size_t i = 0; i < clusters_.marks.size(); ++i) {
    const Mark& mark = clusters_.marks[i];
    const uint64_t gap = clusters_.gap(i);
    if (rank <= gap) return value_in_gap(clusters_, i, rank);
    rank -= gap;
    if (rank <= mark.weight) return mark.value;
    rank -= mark.weight;
  }
  return clusters_.marks.back().value;
}

}  // namespace tocsin
