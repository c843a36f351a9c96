#include "engine/decode/validate.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "engine/decode/reasons.h"

namespace tocsin::decode {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

EventFacts good() {
  EventFacts facts;
  facts.timestamp_ms = 1700000000000;
  facts.domain = "chat";
  return facts;
}

std::string_view reason_of(const EventFacts& facts) {
  Event event;
  return make_event(facts, event);
}

std::string_view latency_reason(double latency_ms) {
  EventFacts facts = good();
  facts.has_latency = true;
  facts.latency_ms = latency_ms;
  return reason_of(facts);
}

uint64_t micros(double latency_ms) {
  EventFacts facts = good();
  facts.has_latency = true;
  facts.latency_ms = latency_ms;
  Event event;
  EXPECT_EQ(make_event(facts, event), "");
  return event.latency_us;
}

std::string_view value_reason(double value) {
  EventFacts facts = good();
  facts.has_metric = facts.has_value = true;
  facts.value = value;
  return reason_of(facts);
}

TEST(Validate, TheTimeIsRequiredAndPositive) {
  EventFacts facts = good();
  facts.timestamp_ms = 0;
  EXPECT_EQ(reason_of(facts), kTimestampMissing);
  facts.timestamp_ms = -1;
  EXPECT_EQ(reason_of(facts), kTimestampNegative);
  facts.timestamp_ms = 1;
  EXPECT_EQ(reason_of(facts), "");
}

TEST(Validate, ATimeInMicrosecondsIsRefused) {
  EventFacts facts = good();
  facts.timestamp_ms = kTimestampMaxMs;
  EXPECT_EQ(reason_of(facts), "");
  facts.timestamp_ms = kTimestampMaxMs + 1;
  EXPECT_EQ(reason_of(facts), kTimestampTooLate);
}

TEST(Validate, TheDomainHasOneTo256Bytes) {
  const std::string longest(256, 'd');
  const std::string longer(257, 'd');
  EventFacts facts = good();
  facts.domain = "";
  EXPECT_EQ(reason_of(facts), kDomainLength);
  facts.domain = longest;
  EXPECT_EQ(reason_of(facts), "");
  facts.domain = longer;
  EXPECT_EQ(reason_of(facts), kDomainLength);
}

TEST(Validate, LatencyIsKeptInWholeMicrosecondsRoundedHalfUp) {
  EXPECT_EQ(micros(0), 0U);
  EXPECT_EQ(micros(-0.0), 0U);
  EXPECT_EQ(micros(0.0004), 0U);
  EXPECT_EQ(micros(0.0005), 1U);
  EXPECT_EQ(micros(12.3456), 12346U);
  EXPECT_EQ(micros(1e-300), 0U);
  EXPECT_EQ(micros(9007199254740.992), kLatencyMaxMicros);
  // 1.0005 * 1000 rounds up to 1000.4999999999999 in doubles: the formula of the contract decides, not the decimal text.
  EXPECT_EQ(micros(1.0005), static_cast<uint64_t>(std::floor(1.0005 * 1000 + 0.5)));
}

TEST(Validate, ABadLatencyIsRefused) {
  EXPECT_EQ(latency_reason(kNan), kLatencyNotFinite);
  EXPECT_EQ(latency_reason(kInfinity), kLatencyNotFinite);
  EXPECT_EQ(latency_reason(-kInfinity), kLatencyNotFinite);
  EXPECT_EQ(latency_reason(-1e-9), kLatencyNegative);
  EXPECT_EQ(latency_reason(9007199254740.994), kLatencyTooLarge);
  EXPECT_EQ(latency_reason(1e308), kLatencyTooLarge);
}

TEST(Validate, AnAbsentLatencyIsNone) {
  Event event;
  EXPECT_EQ(make_event(good(), event), "");
  EXPECT_EQ(event.latency_us, kNoLatency);
  EXPECT_FALSE(event.measurement);
}

TEST(Validate, SuccessFollowsTheErrorCodeUnlessItIsSaid) {
  const auto success = [](bool has_error_code, bool has_success, bool said) {
    EventFacts facts = good();
    facts.has_error_code = has_error_code;
    facts.has_success = has_success;
    facts.success = said;
    Event event;
    EXPECT_EQ(make_event(facts, event), "");
    return event.success;
  };
  EXPECT_TRUE(success(false, false, false));
  EXPECT_FALSE(success(true, false, false));
  EXPECT_TRUE(success(true, true, true));
  EXPECT_FALSE(success(false, true, false));
}

TEST(Validate, AWeightOfZeroIsOne) {
  EventFacts facts = good();
  Event event;
  EXPECT_EQ(make_event(facts, event), "");
  EXPECT_EQ(event.weight, 1U);
  facts.weight = 4294967295U;
  EXPECT_EQ(make_event(facts, event), "");
  EXPECT_EQ(event.weight, 4294967295U);
}

TEST(Validate, MetricAndValueGoTogether) {
  EventFacts facts = good();
  facts.has_metric = true;
  EXPECT_EQ(reason_of(facts), kMetricWithoutValue);
  facts.has_metric = false;
  facts.has_value = true;
  EXPECT_EQ(reason_of(facts), kValueWithoutMetric);
}

TEST(Validate, AValueIsFiniteAndAtMostTenToThe18) {
  EXPECT_EQ(value_reason(1e18), "");
  EXPECT_EQ(value_reason(-1e18), "");
  EXPECT_EQ(value_reason(std::nextafter(1e18, kInfinity)), kValueTooLarge);
  EXPECT_EQ(value_reason(std::nextafter(-1e18, -kInfinity)), kValueTooLarge);
  EXPECT_EQ(value_reason(kNan), kValueNotFinite);
  EXPECT_EQ(value_reason(-kInfinity), kValueNotFinite);
}

TEST(Validate, AMeasurementsLatencyIsIgnoredEvenIfItIsBad) {
  EventFacts facts = good();
  facts.has_metric = facts.has_value = facts.has_latency = true;
  facts.value = 2.5;
  facts.latency_ms = -1;
  Event event;
  EXPECT_EQ(make_event(facts, event), "");
  EXPECT_TRUE(event.measurement);
  EXPECT_EQ(event.value, 2.5);
  EXPECT_EQ(event.latency_us, kNoLatency);
}

}  // namespace
}  // namespace tocsin::decode
