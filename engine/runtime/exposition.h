#pragma once

// A page of metrics while it is being put together. Internal to this folder.
//
// Thread:     confined.
// Invariants: a family is declared once; its samples follow its declaration.

#include <prometheus/metric_family.h>

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "engine/runtime/histogram.h"

namespace tocsin {

class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<const char*, std::string>>;

  class Family {
   public:
    explicit Family(prometheus::MetricFamily& family) : family_(family) {}
    void add(double value, Labels labels = {});
    void add(uint64_t value, Labels labels = {}) { add(static_cast<double>(value), labels); }
    void add(const std::optional<double>& value, Labels labels = {});
    void add(const std::optional<uint64_t>& value, Labels labels = {});
    void add(const Histogram& histogram, Labels labels = {});

   private:
    prometheus::ClientMetric& sample(Labels labels);

    prometheus::MetricFamily& family_;
  };

  Family counter(const char* name, const char* help) { return declare(name, help, prometheus::MetricType::Counter); }
  Family gauge(const char* name, const char* help) { return declare(name, help, prometheus::MetricType::Gauge); }
  Family histogram(const char* name, const char* help) { return declare(name, help, prometheus::MetricType::Histogram); }

  // As Prometheus reads it.
  std::string text() const;

 private:
  Family declare(const char* name, const char* help, prometheus::MetricType type);

  std::deque<prometheus::MetricFamily> families_;  // references to them stay valid
};

}  // namespace tocsin
