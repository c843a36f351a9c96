#include "operators/total.h"

#include <algorithm>

namespace tocsin {
namespace {

void add_each(std::vector<uint64_t>& into, const std::vector<uint64_t>& other) {
  if (into.size() < other.size()) into.resize(other.size());
  for (size_t i = 0; i < other.size(); ++i) into[i] += other[i];
}

void subtract_each(std::vector<uint64_t>& from, const std::vector<uint64_t>& other) {
  TOCSIN_CHECK(from.size() >= other.size(), "a pane leaves a window that it never entered");
  for (size_t i = 0; i < other.size(); ++i) from[i] -= other[i];
}

}  // namespace

void Total::add(const Total& other) {
  count += other.count;
  errors += other.errors;
  latency_count += other.latency_count;
  latency_sum_us += other.latency_sum_us;
  add_each(above, other.above);
  add_each(predicates, other.predicates);
}

void Total::subtract(const Total& other) {
  TOCSIN_CHECK(count >= other.count && errors >= other.errors && latency_count >= other.latency_count,
               "a pane leaves a window that it never entered");
  count -= other.count;
  errors -= other.errors;
  latency_count -= other.latency_count;
  latency_sum_us -= other.latency_sum_us;
  subtract_each(above, other.above);
  subtract_each(predicates, other.predicates);
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
