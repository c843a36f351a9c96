#include "operators/total.h"

#include <algorithm>

namespace tocsin {
namespace {

constexpr std::string_view kNeverEntered = "a pane leaves a window that it never entered";

void add_each(std::vector<uint64_t>& into, const std::vector<uint64_t>& other) {
  if (into.size() < other.size()) into.resize(other.size());
  for (size_t i = 0; i < other.size(); ++i) into[i] += other[i];
}

void subtract_each(std::vector<uint64_t>& from, const std::vector<uint64_t>& other) {
  TOCSIN_CHECK(from.size() >= other.size(), kNeverEntered);
  for (size_t i = 0; i < other.size(); ++i) from[i] -= other[i];
}

}  // namespace

void Counters::add(const Counters& other) {
  count += other.count;
  errors += other.errors;
  latency_count += other.latency_count;
  latency_sum_us += other.latency_sum_us;
  add_each(predicates, other.predicates);
}

void Counters::subtract(const Counters& other) {
  TOCSIN_CHECK(count >= other.count && errors >= other.errors && latency_count >= other.latency_count, kNeverEntered);
  count -= other.count;
  errors -= other.errors;
  latency_count -= other.latency_count;
  latency_sum_us -= other.latency_sum_us;
  subtract_each(predicates, other.predicates);
}

void SparseCounts::add(uint32_t threshold, uint64_t weight) {
  if (weight == 0) return;
  if (entries_.empty() || entries_.back().first < threshold) {
    entries_.emplace_back(threshold, weight);
    return;
  }
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), threshold, [](const Entry& entry, uint32_t t) { return entry.first < t; });
  if (found->first == threshold) {
    found->second += weight;
  } else {
    entries_.emplace(found, threshold, weight);
  }
}

void SparseCounts::add(const SparseCounts& other) {
  if (other.entries_.empty()) return;
  if (entries_.empty() || entries_.back().first < other.entries_.front().first) {
    entries_.insert(entries_.end(), other.entries_.begin(), other.entries_.end());
    return;
  }
  std::vector<Entry> sums;
  sums.reserve(entries_.size() + other.entries_.size());
  auto own = entries_.begin();
  for (const Entry& entry : other.entries_) {
    while (own != entries_.end() && own->first < entry.first) sums.push_back(*own++);
    sums.push_back(entry);
    if (own != entries_.end() && own->first == entry.first) sums.back().second += own++->second;
  }
  sums.insert(sums.end(), own, entries_.end());
  entries_ = std::move(sums);
}

void PartialTotal::add(const PartialTotal& other) {
  Counters::add(other);
  above.add(other.above);
}

void Total::add(const PartialTotal& other) {
  Counters::add(other);
  const auto& entries = other.above.entries();
  if (!entries.empty() && above.size() <= entries.back().first) above.resize(entries.back().first + size_t{1});
  for (const auto& [threshold, weight] : entries) above[threshold] += weight;
}

void Total::subtract(const PartialTotal& other) {
  Counters::subtract(other);
  const auto& entries = other.above.entries();
  TOCSIN_CHECK(entries.empty() || above.size() > entries.back().first, kNeverEntered);
  for (const auto& [threshold, weight] : entries) above[threshold] -= weight;
}

uint64_t Total::count_above(int threshold) const {
  uint64_t sum = 0;
  for (size_t i = static_cast<size_t>(threshold); i < above.size(); ++i) sum += above[i];
  return sum;
}

void PartialSketch::merge(const PartialSketch& other) {
  latency_min_us = std::min(latency_min_us, other.latency_min_us);
  latency_max_us = std::max(latency_max_us, other.latency_max_us);
  parts.append(other.parts);
  parts.compact_beyond(kBytesMax);
}

void Partial::merge(const Partial& other) {
  total.add(other.total);
  sketch.merge(other.sketch);
  last_event = std::max(last_event, other.last_event);
  last_latency_event = std::max(last_latency_event, other.last_latency_event);
}

}  // namespace tocsin
