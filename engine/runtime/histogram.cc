#include "engine/runtime/histogram.h"

#include <algorithm>

#include "engine/base/check.h"

namespace tocsin {

void Histogram::observe(Duration duration) {
  const int64_t ms = std::max<int64_t>(0, duration.ms);
  const auto bound = std::lower_bound(bounds_ms_.begin(), bounds_ms_.end(), ms);
  ++counts_[static_cast<size_t>(bound - bounds_ms_.begin())];
  sum_ = sum_ + Duration{ms};
}

void Histogram::add(const Histogram& other) {
  TOCSIN_CHECK(other.bounds_ms_.data() == bounds_ms_.data(), "histograms of different bounds cannot be added");
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  sum_ = sum_ + other.sum_;
}

}  // namespace tocsin
