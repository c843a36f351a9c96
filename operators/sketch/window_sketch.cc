#include "operators/sketch/window_sketch.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "operators/sketch/sort.h"

namespace tocsin {

RankedDigest::RankedDigest(TDigest digest) : digest_(std::move(digest)) {
  const Clusters& clusters = digest_.clusters();
  up_to_.reserve(clusters.marks.size());
  uint64_t passed = 0;
  for (size_t i = 0; i < clusters.marks.size(); ++i) {
    passed += clusters.gap(i) + clusters.marks[i].weight;
    up_to_.push_back(passed);
  }
}

double RankedDigest::quantile(double q, const std::vector<uint32_t>& others) const {
  const uint64_t count = digest_.count() + others.size();
  if (count == 0) return 0;
  const uint64_t rank = nearest_rank(q, count);
  const Clusters& clusters = digest_.clusters();
  const std::vector<Mark>& marks = clusters.marks;
  const auto others_up_to = [&others](double value) {
    return static_cast<uint64_t>(std::upper_bound(others.begin(), others.end(), value) - others.begin());
  };

  // The first mark that has at least `rank` values up to it.
  size_t mark = 0;
  for (size_t end = marks.size(); mark < end;) {
    const size_t middle = mark + (end - mark) / 2;
    if (up_to_[middle] + others_up_to(marks[middle].value) < rank) {
      mark = middle + 1;
    } else {
      end = middle;
    }
  }
  if (mark == marks.size()) return others[rank - digest_.count() - 1];

  // Between the mark before it and this one lie the gap's values and some of the others.
  const uint64_t before = mark == 0 ? 0 : others_up_to(marks[mark - 1].value);
  const auto first = others.begin() + static_cast<std::ptrdiff_t>(before);
  const auto last = std::lower_bound(first, others.end(), marks[mark].value);
  const auto between = static_cast<uint64_t>(last - first);
  const uint64_t gap = clusters.gap(mark);
  const uint64_t place = rank - before - (mark == 0 ? 0 : up_to_[mark - 1]);  // from 1, among these
  if (place > gap + between) return marks[mark].value;

  // How many of the others are among the first `place`: one that comes before the gap's value whose place it would take.
  uint64_t low = place > gap ? place - gap : 0;
  for (uint64_t high = std::min(place, between); low < high;) {
    const uint64_t middle = low + (high - low) / 2;
    if (first[static_cast<std::ptrdiff_t>(middle)] < value_in_gap(clusters, mark, place - middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return value_in_gap(clusters, mark, place);
  const double other = first[static_cast<std::ptrdiff_t>(low - 1)];
  return place == low ? other : std::max(other, value_in_gap(clusters, mark, place - low));
}

WindowSketch WindowSketch::of(TDigest digest, std::vector<uint32_t> values) {
  WindowSketch sketch;
  if (!digest.empty()) sketch.digest = std::make_shared<const RankedDigest>(std::move(digest));
  sketch.values = std::move(values);
  sort_ascending(std::span(sketch.values));
  return sketch;
}

WindowSketch WindowSketch::merged(const std::vector<const WindowSketch*>& parts) {
  size_t values = 0;
  for (const WindowSketch* part : parts) values += part->values.size();
  WindowSketch sum;
  sum.values.reserve(values);
  std::optional<TDigest> several;
  for (const WindowSketch* part : parts) {
    sum.latency_min_us = std::min(sum.latency_min_us, part->latency_min_us);
    sum.latency_max_us = std::max(sum.latency_max_us, part->latency_max_us);
    sum.values.insert(sum.values.end(), part->values.begin(), part->values.end());
    if (!part->digest) continue;
    if (!sum.digest) {
      sum.digest = part->digest;
    } else {
      if (!several) several = sum.digest->digest();
      several->merge(part->digest->digest());
    }
  }
  if (several) sum.digest = std::make_shared<const RankedDigest>(*std::move(several));
  sort_ascending(std::span(sum.values));
  return sum;
}

void WindowSketch::fold_beyond(size_t most) {
  if (values.size() <= most) return;
  TDigest all = digest ? digest->digest() : TDigest();
  all.add_sorted(std::span<const uint32_t>(values));
  digest = std::make_shared<const RankedDigest>(std::move(all));
  values = {};
}

double WindowSketch::quantile(double q) const {
  if (digest) return digest->quantile(q, values);
  return values.empty() ? 0 : values[nearest_rank(q, values.size()) - 1];
}

}  // namespace tocsin
