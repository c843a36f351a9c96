#include "operators/sketch/clusters.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace tocsin {
namespace {

// SPEC 3.1: rank error at most (0.02 q (1 - q) + 0.001) n + 1.
constexpr double kPromiseBySpread = 0.02;
constexpr double kPromiseByCount = 0.001;

constexpr size_t kUsualSize = 1024;  // marks of a thinned digest, whatever its count

// Weights stay below 2^62 (TDigest::kMaxCount), and only signed integers are converted to and from doubles by one instruction.
double to_double(uint64_t weight) { return static_cast<double>(static_cast<int64_t>(weight)); }
uint64_t to_weight(double value) { return static_cast<uint64_t>(static_cast<int64_t>(value)); }

bool same_sign(double low, double high) { return low > 0 || high < 0; }

// The order of doubles as integers: their bits count octaves, and evenly inside each; a logarithm that costs nothing. Below zero
// the bits count backwards.
int64_t turned_below_zero(int64_t bits) { return bits ^ ((bits >> 63) & std::numeric_limits<int64_t>::max()); }
int64_t octaves(double value) { return turned_below_zero(std::bit_cast<int64_t>(value)); }
double from_octaves(int64_t octaves) { return std::bit_cast<double>(turned_below_zero(octaves)); }

// What adding needs to know of a mark and the gap before it.
struct Segment {
  double low;       // the mark before
  double high;      // this mark; infinite after the last one
  uint64_t before;  // weight up to and with the mark before
  uint64_t gap;
  uint64_t weight;
  int64_t low_octaves;    // 0 if low and high have no common sign: differences from it must not overflow
  double gap_per_octave;  // by octaves() of both ends; negative if these have no common sign

  // An estimate of the weight below `value`, which lies in (low, high) or, if at_high, is high; monotone. By octaves, because a
  // wrong guess matters in a wide gap, and there values mostly spread by factors. (The mean of this and of an even spread was
  // tried: each split then leaves a little too much in the middle, and thousands of merges pile that up.)
  uint64_t below(double value, bool at_high) const {
    double part = static_cast<double>(octaves(value) - low_octaves) * gap_per_octave;
    // Halves, because the difference of two finite doubles may be infinite.
    if (gap_per_octave < 0) [[unlikely]] {
      part = to_double(gap) * ((value / 2 - low / 2) / (high / 2 - low / 2));
    }
    const uint64_t estimate = std::min(gap, to_weight(part + 0.5));
    return before + (at_high ? gap : estimate);
  }
};

std::vector<Segment> segments_of(const Clusters& clusters) {
  const size_t size = clusters.marks.size();
  std::vector<Segment> segments(size + 1);
  uint64_t before = 0;
  double low = 0;
  int64_t low_octaves = 0;
  for (size_t i = 0; i < size; ++i) {
    const Mark& mark = clusters.marks[i];
    const uint64_t gap = clusters.gap(i);
    const int64_t high_octaves = octaves(mark.value);
    const bool spans_zero = !same_sign(low, mark.value);
    double slope = 0;
    if (gap != 0) slope = spans_zero ? -1 : to_double(gap) / static_cast<double>(high_octaves - low_octaves);
    segments[i] = {low, mark.value, before, gap, mark.weight, spans_zero ? 0 : low_octaves, slope};
    before += gap + mark.weight;
    low = mark.value;
    low_octaves = high_octaves;
  }
  segments[size] = {low, std::numeric_limits<double>::infinity(), before, 0, 0, 0, 0};
  return segments;
}

Clusters added_exact(const std::vector<Mark>& a, const std::vector<Mark>& b) {
  Clusters sum;
  sum.marks.reserve(a.size() + b.size());
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() && right != b.end()) {
    if (left->value == right->value) {
      sum.marks.push_back({left->value, left->weight + right->weight});
      ++left;
      ++right;
    } else {
      sum.marks.push_back(left->value < right->value ? *left++ : *right++);
    }
  }
  sum.marks.insert(sum.marks.end(), left, a.end());
  sum.marks.insert(sum.marks.end(), right, b.end());
  return sum;
}

// The end of the run of equal values that begins at `from`.
template <typename T>
size_t end_of_run(std::span<const T> values, size_t from) {
  if (from + 1 == values.size() || values[from + 1] != values[from]) return from + 1;
  const auto rest = values.subspan(from);
  return from + static_cast<size_t>(std::upper_bound(rest.begin(), rest.end(), rest.front()) - rest.begin());
}

// The start of the run of equal values that values[at] belongs to, not looking before `from`.
template <typename T>
size_t start_of_run(std::span<const T> values, size_t from, size_t at) {
  if (at == from || values[at - 1] != values[at]) return at;
  const auto part = values.subspan(from, at - from);
  return from + static_cast<size_t>(std::lower_bound(part.begin(), part.end(), values[at]) - part.begin());
}

// -0 becomes 0: equal values have equal bytes.
template <typename T>
double mark_value(T value) {
  return static_cast<double>(value) + 0.0;
}

// Fills `marks` with the different values; false if they are more than `limit`.
template <typename T>
bool collect_runs(std::span<const T> values, size_t limit, std::vector<Mark>& marks) {
  for (size_t at = 0; at < values.size();) {
    if (marks.size() == limit) return false;
    const size_t end = end_of_run(values, at);
    marks.push_back({mark_value(values[at]), end - at});
    at = end;
  }
  return true;
}

}  // namespace

ClusterLimit::ClusterLimit(uint64_t count) : count_(to_double(count)), per_count_(1 / count_) {
  // ln(n / delta) from the number of bits: the bytes of a digest must not depend on the machine's logarithm.
  constexpr int kBitsOfDelta = 8;
  constexpr double kLn2 = 0.6931;
  const int doublings = std::max(0, static_cast<int>(std::bit_width(count)) - kBitsOfDelta);
  k2_ = (4 * kLn2 * doublings + 24) / kDelta;
}

double ClusterLimit::at(double rank) const {
  const double spread = rank * (count_ - rank) * per_count_;
  return std::min(k2_ * spread, kPartOfPromise * (kPromiseBySpread * spread + kPromiseByCount * count_));
}

uint64_t ClusterLimit::from(uint64_t rank) const {
  // at() is concave, so what both ends of a cluster allow, all between them do. The other end is taken where at(rank) would put it.
  const double low = to_double(rank);
  const double here = at(low);
  return to_weight(std::min(here, at(std::min(low + here, count_))));
}

template <typename T>
Clusters clusters_of_sorted(std::span<const T> values, size_t exact_limit) {
  Clusters result;
  result.marks.reserve(std::min(values.size(), exact_limit));
  if (collect_runs(values, exact_limit, result.marks)) return result;

  // Goes from mark to mark by rank and never looks at the values in between.
  result.marks.clear();
  result.marks.reserve(std::min(values.size(), kUsualSize));
  result.gaps.reserve(std::min(values.size(), kUsualSize));
  const ClusterLimit limit(values.size());
  const size_t last_mark = start_of_run(values, 0, values.size() - 1);
  bool any_gap = false;
  for (size_t from = 0, mark = 0;;) {
    const size_t end = end_of_run(values, mark);
    result.marks.push_back({mark_value(values[mark]), end - mark});
    result.gaps.push_back(mark - from);
    any_gap = any_gap || mark != from;
    if (end == values.size()) break;
    from = end;
    mark = start_of_run(values, from, std::min(last_mark, from + limit.from(from)));
  }
  if (!any_gap) result.gaps.clear();
  return result;
}

template Clusters clusters_of_sorted<uint32_t>(std::span<const uint32_t>, size_t);
template Clusters clusters_of_sorted<double>(std::span<const double>, size_t);

Clusters added(const Clusters& a, const Clusters& b) {
  if (a.exact() && b.exact()) return added_exact(a.marks, b.marks);
  const std::vector<Segment> left = segments_of(a);
  const std::vector<Segment> right = segments_of(b);
  Clusters sum;
  sum.marks.resize(a.marks.size() + b.marks.size());
  sum.gaps.resize(sum.marks.size());

  // Without branches: which list goes on is a coin toss, and half of the guesses would be wrong.
  size_t i = 0;
  size_t j = 0;
  size_t size = 0;
  uint64_t before = 0;  // weight up to and with the last mark of the sum
  while (i + 1 < left.size() || j + 1 < right.size()) {
    const Segment& x = left[i];
    const Segment& y = right[j];
    const bool at_x = x.high <= y.high;
    const bool at_y = y.high <= x.high;
    const double value = at_x ? x.high : y.high;
    const uint64_t below = x.below(value, at_x) + y.below(value, at_y);
    const uint64_t weight = (at_x ? x.weight : 0) + (at_y ? y.weight : 0);
    sum.marks[size] = {value, weight};
    sum.gaps[size] = below - before;
    before = below + weight;
    ++size;
    i += at_x ? 1 : 0;
    j += at_y ? 1 : 0;
  }
  sum.marks.resize(size);
  sum.gaps.resize(size);
  return sum;
}

void thin(Clusters& clusters, const ClusterLimit& limit, std::span<const Mark> kept) {
  std::vector<Mark>& marks = clusters.marks;
  std::vector<uint64_t>& gaps = clusters.gaps;
  const size_t size = marks.size();
  if (size <= 2) return;
  gaps.resize(size, 0);

  auto next_kept = kept.begin();
  const auto is_kept = [&](const Mark& mark) {
    while (next_kept != kept.end() && next_kept->value < mark.value) ++next_kept;
    return next_kept != kept.end() && next_kept->value == mark.value;
  };
  size_t end = 1;
  uint64_t before = marks[0].weight;  // up to and with the last mark that stays
  bool any_gap = false;
  for (size_t i = 1; i < size; ++i) {
    // Goes on to the last mark before which the limit still has room.
    const uint64_t room = limit.from(before);
    uint64_t gap = gaps[i];
    while (i + 1 < size && gap + marks[i].weight + gaps[i + 1] <= room && !is_kept(marks[i])) {
      gap += marks[i].weight + gaps[i + 1];
      ++i;
    }
    marks[end] = marks[i];
    gaps[end] = gap;
    ++end;
    any_gap = any_gap || gap != 0;
    before += gap + marks[i].weight;
  }
  marks.resize(end);
  gaps.resize(end);
  if (!any_gap) gaps.clear();
}

double between(double low, double high, double share) {
  if (!same_sign(low, high)) return std::clamp(low + 2 * share * (high / 2 - low / 2), low, high);
  const int64_t from = octaves(low);
  return std::clamp(from_octaves(from + static_cast<int64_t>(share * static_cast<double>(octaves(high) - from))), low, high);
}

double value_in_gap(const Clusters& clusters, size_t mark, uint64_t rank) {
  const double share = (static_cast<double>(rank) - 0.5) / static_cast<double>(clusters.gap(mark));
  return between(clusters.marks[mark - 1].value, clusters.marks[mark].value, share);
}

}  // namespace tocsin
