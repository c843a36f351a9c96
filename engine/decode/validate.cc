#include "engine/decode/validate.h"

#include <cmath>

#include "engine/decode/reasons.h"

namespace tocsin::decode {
namespace {

constexpr size_t kDomainMaxBytes = 256;
constexpr double kValueMax = 1e18;

std::string_view set_measurement(const EventFacts& facts, Event& event) {
  if (!facts.has_value) return kMetricWithoutValue;
  if (!facts.has_metric) return kValueWithoutMetric;
  if (!std::isfinite(facts.value)) return kValueNotFinite;
  if (std::abs(facts.value) > kValueMax) return kValueTooLarge;
  event.measurement = true;
  event.value = facts.value;
  return {};
}

std::string_view set_latency(double latency_ms, Event& event) {
  if (!std::isfinite(latency_ms)) return kLatencyNotFinite;
  if (latency_ms < 0) return kLatencyNegative;
  const double micros = latency_ms * 1000 + 0.5;
  // Above 2^53 doubles are whole, and below truncation is the floor of what is not negative.
  if (micros > static_cast<double>(kLatencyMaxMicros)) return kLatencyTooLarge;
  event.latency_us = static_cast<uint64_t>(micros);
  return {};
}

}  // namespace

std::string_view make_event(const EventFacts& facts, Event& event) {
  if (facts.timestamp_ms <= 0) return facts.timestamp_ms == 0 ? kTimestampMissing : kTimestampNegative;
  if (facts.timestamp_ms > kTimestampMaxMs) return kTimestampTooLate;
  if (facts.domain.empty() || facts.domain.size() > kDomainMaxBytes) return kDomainLength;
  event.time = EventTime{facts.timestamp_ms};
  event.weight = facts.weight == 0 ? 1 : facts.weight;
  event.success = facts.has_success ? facts.success : !facts.has_error_code;
  if (facts.has_metric || facts.has_value) return set_measurement(facts, event);
  return facts.has_latency ? set_latency(facts.latency_ms, event) : std::string_view{};
}

}  // namespace tocsin::decode
