#include "engine/runtime/exposition.h"

#include <prometheus/text_serializer.h>

#include <limits>
#include <vector>

namespace tocsin {
namespace {

double seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

}  // namespace

Exposition::Family Exposition::declare(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = name;
  family.help = help;
  family.type = type;
  return Family(family);
}

prometheus::ClientMetric& Exposition::Family::sample(Labels labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  return metric;
}

void Exposition::Family::add(double value, Labels labels) {
  prometheus::ClientMetric& metric = sample(labels);
  (family_.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void Exposition::Family::add(const std::optional<double>& value, Labels labels) {
  if (value) add(*value, labels);
}

void Exposition::Family::add(const std::optional<uint64_t>& value, Labels labels) {
  if (value) add(*value, labels);
}

void Exposition::Family::add(const Histogram& histogram, Labels labels) {
  prometheus::ClientMetric::Histogram& out = sample(labels).histogram;
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    out.sample_count += histogram.counts()[i];
    const bool last = i == histogram.bounds_ms().size();
    out.bucket.push_back({out.sample_count, last ? std::numeric_limits<double>::infinity() : seconds(histogram.bounds_ms()[i])});
  }
  out.sample_sum = seconds(histogram.sum().ms);
}

std::string Exposition::text() const {
  return prometheus::TextSerializer().Serialize(std::vector<prometheus::MetricFamily>(families_.begin(), families_.end()));
}

}  // namespace tocsin
