#include "engine/loadgen/generator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace tocsin::loadgen {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr double kLatencyMaxUs = 3.6e9;  // an hour: nobody waits longer

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014): a few draws from any seed, which
// is what a generator for each event needs.
class Random {
 public:
  Random(uint64_t seed, uint64_t stream) : state_(mix(seed * kGamma + mix(stream + kGamma))) {}

  uint64_t bits() { return mix(state_ += kGamma); }
  // Uniform in [0, n), n >= 1. The bias of a multiplication instead of a rejection is below n/2^64.
  uint64_t below(uint64_t n) { return static_cast<uint64_t>((static_cast<Wide>(bits()) * n) >> 64); }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  // Standard normal, by the method of Box and Muller.
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - unit()));
    return radius * std::cos(2.0 * std::numbers::pi * unit());
  }

 private:
  static constexpr uint64_t kGamma = 0x9e3779b97f4a7c15ULL;

  static constexpr uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

uint32_t index_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<uint32_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace

const std::vector<std::string_view>& error_codes() {
  static const std::vector<std::string_view> codes = {"TIMEOUT", "UNAVAILABLE", "INTERNAL", "503"};
  return codes;
}

Generator::Generator(LoadOptions options) : options_(std::move(options)) {
  failure_share_ = emitted_failure_share(options_.failure_share);
  latency_median_us_ = options_.latency_median_ms * 1000;
  for (const Incident& incident : options_.incidents) {
    Effect effect;
    effect.from = options_.start + incident.at;
    effect.to = effect.from + incident.length;
    effect.domain = index_of(options_.domains, incident.domain);
    effect.region = incident.region.empty() ? kAll : index_of(options_.regions, incident.region);
    effect.kind = incident.kind;
    effect.amount = incident.kind == Incident::Kind::kErrorRate ? emitted_failure_share(incident.amount) : incident.amount;
    effects_.push_back(effect);
  }
}

// With successes sampled, failures are more frequent among what is emitted than among what happened; weights undo that.
double Generator::emitted_failure_share(double real_share) const {
  const double failures = real_share * options_.success_weight;
  const double all = failures + (1 - real_share);
  return failures / all;
}

EventTime Generator::due(uint64_t k) const {
  const Wide ms = static_cast<Wide>(k) * 1000 / options_.rate;
  const auto limit = static_cast<Wide>(std::numeric_limits<int64_t>::max() / 4);
  return options_.start + Duration{static_cast<int64_t>(std::min(ms, limit))};
}

// Of overlapping incidents the worst error rate counts, latency factors multiply, and silence wins.
Generator::Conditions Generator::conditions(const LoadEvent& event) const {
  Conditions result;
  result.failure_share = failure_share_;
  bool failing = false;
  for (const Effect& effect : effects_) {
    if (event.time < effect.from || event.time >= effect.to || event.domain != effect.domain) continue;
    if (effect.region != kAll && event.region != effect.region) continue;
    switch (effect.kind) {
      case Incident::Kind::kErrorRate:
        result.failure_share = failing ? std::max(result.failure_share, effect.amount) : effect.amount;
        failing = true;
        break;
      case Incident::Kind::kLatencyFactor: result.latency_factor *= effect.amount; break;
      case Incident::Kind::kSilence: result.silent = true; break;
    }
  }
  return result;
}

std::optional<LoadEvent> Generator::event(uint64_t k) const {
  Random random(options_.seed, k);
  LoadEvent event;
  event.domain = static_cast<uint32_t>(random.below(options_.domains.size()));
  event.region = static_cast<uint32_t>(random.below(options_.regions.size()));
  event.operation = static_cast<uint32_t>(random.below(options_.operations.size()));
  event.time = due(k) - Duration{static_cast<int64_t>(random.below(static_cast<uint64_t>(options_.jitter_max.ms) + 1))};

  const Conditions now = conditions(event);
  if (now.silent) return std::nullopt;
  event.success = random.unit() >= now.failure_share;
  event.weight = event.success ? options_.success_weight : 1;
  event.error_code = static_cast<uint32_t>(random.below(error_codes().size()));
  const double latency_us = latency_median_us_ * now.latency_factor * std::exp(options_.latency_sigma * random.normal());
  event.latency_us = static_cast<uint64_t>(std::llround(std::min(latency_us, kLatencyMaxUs)));
  event.trace_id_high = random.bits();
  event.trace_id_low = random.bits();
  // Drawn last: a load without them is the same as ever.
  for (size_t i = 0; i < options_.labels.size(); ++i)
    event.labels[i] = static_cast<uint32_t>(random.below(options_.labels[i].values.size()));
  if (options_.actors != 0) event.actor = random.below(options_.actors);
  return event;
}

}  // namespace tocsin::loadgen
