#include "engine/loadgen/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <vector>

namespace tocsin::loadgen {
namespace {

constexpr int64_t kStartMs = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

LoadOptions some_options() {
  LoadOptions options;
  options.start = EventTime{kStartMs};
  options.rate = 1000;
  return options;
}

std::vector<LoadEvent> events(const LoadOptions& options, uint64_t n) {
  const Generator generator(options);
  std::vector<LoadEvent> result;
  for (uint64_t k = 0; k < n; ++k) {
    if (const auto event = generator.event(k)) result.push_back(*event);
  }
  return result;
}

double share_of_failures(const std::vector<LoadEvent>& events, uint32_t domain, int64_t from_ms, int64_t to_ms) {
  double failures = 0;
  double all = 0;
  for (const LoadEvent& event : events) {
    const int64_t at_ms = event.time.ms - kStartMs;
    if (event.domain != domain || at_ms < from_ms || at_ms >= to_ms) continue;
    all += event.weight;
    if (!event.success) failures += event.weight;
  }
  return failures / all;
}

double median_ms(const std::vector<LoadEvent>& events, uint32_t domain, uint32_t region) {
  std::vector<uint64_t> latencies;
  for (const LoadEvent& event : events) {
    if (event.domain == domain && event.region == region) latencies.push_back(event.latency_us);
  }
  std::nth_element(latencies.begin(), latencies.begin() + static_cast<int64_t>(latencies.size() / 2), latencies.end());
  return static_cast<double>(latencies[latencies.size() / 2]) / 1000;
}

TEST(Generator, AnEventDependsOnSeedAndNumberAlone) {
  const Generator a(some_options());
  const Generator b(some_options());
  const LoadEvent event = b.event(7).value();
  EXPECT_EQ(event.time.ms, kStartMs + 7);
  // Fixed once and for all: another value means that every recorded load changes.
  EXPECT_EQ(event.trace_id_high, 0xd861a7fb4b31b3c8ULL);
  EXPECT_EQ(event.latency_us, 61'033U);
  EXPECT_EQ(a.event(12'345)->trace_id_low, b.event(12'345)->trace_id_low);
  EXPECT_EQ(a.event(7)->trace_id_low, event.trace_id_low);
  EXPECT_EQ(a.event(7)->latency_us, event.latency_us);
  EXPECT_NE(a.event(8)->trace_id_low, event.trace_id_low);

  LoadOptions other = some_options();
  other.seed = 2;
  EXPECT_NE(Generator(other).event(7)->trace_id_low, event.trace_id_low);
}

TEST(Generator, EventsAreDueAtTheRateWithoutDrift) {
  LoadOptions options = some_options();
  options.rate = 3;
  const Generator generator(options);
  EXPECT_EQ(generator.due(0).ms, kStartMs);
  EXPECT_EQ(generator.due(1).ms, kStartMs + 333);
  EXPECT_EQ(generator.due(3).ms, kStartMs + 1000);
  EXPECT_EQ(generator.due(3'000'000'000).ms, kStartMs + 1'000'000'000'000);
  EXPECT_GT(generator.due(UINT64_MAX).ms, kStartMs);
}

TEST(Generator, JitterOnlyPutsTimesBackAndUsesItsWholeRange) {
  LoadOptions options = some_options();
  options.jitter_max = Duration{50};
  const Generator generator(options);
  int64_t least = 100;
  int64_t greatest = -100;
  for (uint64_t k = 0; k < 5000; ++k) {
    const int64_t back = (generator.due(k) - generator.event(k)->time).ms;
    least = std::min(least, back);
    greatest = std::max(greatest, back);
  }
  EXPECT_EQ(least, 0);
  EXPECT_EQ(greatest, 50);
}

TEST(Generator, GroupsAreEquallyFrequent) {
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, int> groups;
  for (const LoadEvent& event : events(some_options(), 54'000)) ++groups[{event.domain, event.region, event.operation}];
  ASSERT_EQ(groups.size(), 54U);
  for (const auto& [group, count] : groups) EXPECT_NEAR(count, 1000, 6 * std::sqrt(1000.0));
}

TEST(Generator, LabelsAndActorsAreEquallyFrequentAndChangeNothingElse) {
  LoadOptions options = some_options();
  const std::vector<LoadEvent> without = events(options, 6000);
  options.labels = {{"version", {"v1", "v2", "v3"}}, {"pod", {"a", "b"}}};
  options.actors = 4;
  const std::vector<LoadEvent> with = events(options, 6000);
  std::map<std::tuple<uint32_t, uint32_t, uint64_t>, int> counts;
  for (size_t k = 0; k < with.size(); ++k) {
    ++counts[{with[k].labels[0], with[k].labels[1], with[k].actor}];
    EXPECT_EQ(with[k].latency_us, without[k].latency_us);
    EXPECT_EQ(with[k].trace_id_low, without[k].trace_id_low);
  }
  ASSERT_EQ(counts.size(), 24U);
  for (const auto& [combination, count] : counts) EXPECT_NEAR(count, 250, 80);
}

TEST(Generator, LatenciesAreLognormal) {
  LoadOptions options = some_options();
  options.latency_median_ms = 80;
  options.latency_sigma = 0.5;
  std::vector<double> logs;
  for (const LoadEvent& event : events(options, 100'000)) logs.push_back(std::log(static_cast<double>(event.latency_us) / 1000));
  double mean = 0;
  for (const double x : logs) mean += x / static_cast<double>(logs.size());
  double variance = 0;
  for (const double x : logs) variance += (x - mean) * (x - mean) / static_cast<double>(logs.size());
  EXPECT_NEAR(mean, std::log(80.0), 0.01);
  EXPECT_NEAR(std::sqrt(variance), 0.5, 0.01);
}

TEST(Generator, SampledSuccessesAreWeightedSoThatTheErrorRateStays) {
  LoadOptions options = some_options();
  options.failure_share = 0.02;
  options.success_weight = 10;
  const std::vector<LoadEvent> sampled = events(options, 200'000);
  double failures = 0;
  double all = 0;
  uint64_t emitted_failures = 0;
  for (const LoadEvent& event : sampled) {
    EXPECT_EQ(event.weight, event.success ? 10U : 1U);
    all += event.weight;
    if (event.success) continue;
    ++failures;
    ++emitted_failures;
  }
  EXPECT_NEAR(failures / all, 0.02, 0.001);
  EXPECT_GT(emitted_failures, 30'000U);
}

TEST(Incident, AnErrorRateHoldsInItsDomainAndTimeOnly) {
  LoadOptions options = some_options();
  options.incidents = {
      {.at = {20'000}, .length = {15'000}, .domain = "wallet", .region = {}, .kind = Incident::Kind::kErrorRate, .amount = 0.6}};
  const std::vector<LoadEvent> all = events(options, 60'000);
  EXPECT_NEAR(share_of_failures(all, 1, 20'000, 35'000), 0.6, 0.04);
  EXPECT_LT(share_of_failures(all, 1, 0, 20'000), 0.02);
  EXPECT_LT(share_of_failures(all, 1, 35'000, 60'000), 0.02);
  EXPECT_LT(share_of_failures(all, 0, 20'000, 35'000), 0.02);
}

TEST(Incident, AnErrorRateOfZeroMakesADomainFaultless) {
  LoadOptions options = some_options();
  options.failure_share = 0.5;
  options.incidents = {{.at = {0}, .length = {60'000}, .domain = "chat", .region = {}, .kind = Incident::Kind::kErrorRate, .amount = 0}};
  EXPECT_EQ(share_of_failures(events(options, 20'000), 0, 0, 20'000), 0);
}

TEST(Incident, ALatencyFactorHoldsInItsRegionOnly) {
  LoadOptions options = some_options();
  options.incidents = {
      {.at = {0}, .length = {60'000}, .domain = "chat", .region = "us", .kind = Incident::Kind::kLatencyFactor, .amount = 16}};
  const std::vector<LoadEvent> all = events(options, 60'000);
  EXPECT_NEAR(median_ms(all, 0, 1), 640, 40);
  EXPECT_NEAR(median_ms(all, 0, 0), 40, 3);
}

TEST(Incident, SilenceLeavesEventsOutAndChangesNoOther) {
  LoadOptions options = some_options();
  options.jitter_max = Duration{100};
  const Generator loud(options);
  options.incidents = {{.at = {1000}, .length = {2000}, .domain = "chat", .region = {}, .kind = Incident::Kind::kSilence}};
  const Generator silenced(options);
  uint64_t missing = 0;
  for (uint64_t k = 0; k < 5000; ++k) {
    const LoadEvent expected = loud.event(k).value();
    const auto event = silenced.event(k);
    const int64_t at_ms = expected.time.ms - kStartMs;
    const bool hit = expected.domain == 0 && at_ms >= 1000 && at_ms < 3000;
    ASSERT_EQ(event.has_value(), !hit) << k;
    missing += hit ? 1 : 0;
    if (event) {
      ASSERT_EQ(event->trace_id_low, expected.trace_id_low);
      ASSERT_EQ(event->latency_us, expected.latency_us);
    }
  }
  EXPECT_GT(missing, 200U);
}

}  // namespace
}  // namespace tocsin::loadgen
