#include "engine/loadgen/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tocsin/v1/telemetry.pb.h"

namespace tocsin::loadgen {
namespace {

LoadOptions odd_names(Format format) {
  LoadOptions options;
  options.start = EventTime{1'767'225'600'000};
  options.format = format;
  options.domains = {"chat", "sp\"a\\ce\n", "支付"};
  options.failure_share = 0.3;
  options.success_weight = 300;
  options.jitter_max = Duration{20};
  options.labels = {{"version", {"v1", "v2.0-rc1"}}, {"p\"od", {"a", "b", "c"}}};
  options.actors = 1000;
  return options;
}

std::string operation_name(const LoadOptions& options, const LoadEvent& event) {
  return options.domains[event.domain] + "." + options.operations[event.operation];
}

TEST(Encoder, ProtobufBatchesReadBackAsTheEventsTheyWereMadeFrom) {
  const LoadOptions options = odd_names(Format::kProtobuf);
  const Generator generator(options);
  Encoder encoder(options);
  std::string message;
  encoder.begin(message);
  for (uint64_t k = 0; k < 200; ++k) encoder.add(*generator.event(k), message);
  encoder.end(message);

  v1::TelemetryBatch batch;
  ASSERT_TRUE(batch.ParseFromString(message));
  ASSERT_EQ(batch.events_size(), 200);
  for (int k = 0; k < 200; ++k) {
    const LoadEvent made = *generator.event(static_cast<uint64_t>(k));
    const v1::TelemetryEvent& read = batch.events(k);
    EXPECT_EQ(read.timestamp_ms(), made.time.ms);
    EXPECT_EQ(read.domain(), options.domains[made.domain]);
    EXPECT_EQ(read.operation(), operation_name(options, made));
    EXPECT_TRUE(read.has_success());
    EXPECT_EQ(read.success(), made.success);
    EXPECT_EQ(static_cast<uint64_t>(std::floor(read.latency_ms() * 1000 + 0.5)), made.latency_us);
    EXPECT_EQ(read.error_code(), made.success ? "" : error_codes()[made.error_code]);
    EXPECT_EQ(read.trace_id().size(), 32U);
    EXPECT_EQ(read.labels().at("region"), options.regions[made.region]);
    EXPECT_EQ(read.labels().at("version"), options.labels[0].values[made.labels[0]]);
    EXPECT_EQ(read.labels().at("p\"od"), options.labels[1].values[made.labels[1]]);
    EXPECT_EQ(read.actor_id(), "user-" + std::to_string(made.actor));
    EXPECT_EQ(read.weight(), made.success ? 300U : 0U);
  }
  // Canonical bytes: the library would write the same, so lengths and order are right throughout.
  EXPECT_EQ(batch.ByteSizeLong(), message.size());
}

TEST(Encoder, JsonReadsBackAsTheEventItWasMadeFrom) {
  const LoadOptions options = odd_names(Format::kJson);
  const Generator generator(options);
  Encoder encoder(options);
  std::string message;
  for (uint64_t k = 0; k < 200; ++k) {
    const LoadEvent made = *generator.event(k);
    encoder.begin(message);
    encoder.add(made, message);
    encoder.end(message);
    EXPECT_EQ(message.find('\n'), std::string::npos);
    const nlohmann::json read = nlohmann::json::parse(message);
    EXPECT_EQ(read.at("timestamp_ms"), made.time.ms);
    EXPECT_EQ(read.at("domain"), options.domains[made.domain]);
    EXPECT_EQ(read.at("operation"), operation_name(options, made));
    EXPECT_EQ(read.at("success"), made.success);
    EXPECT_EQ(static_cast<uint64_t>(std::floor(read.at("latency_ms").get<double>() * 1000 + 0.5)), made.latency_us);
    EXPECT_EQ(read.contains("error_code"), !made.success);
    EXPECT_EQ(read.at("labels").at("region"), options.regions[made.region]);
    EXPECT_EQ(read.at("labels").at("version"), options.labels[0].values[made.labels[0]]);
    EXPECT_EQ(read.at("labels").at("p\"od"), options.labels[1].values[made.labels[1]]);
    EXPECT_EQ(read.at("actor_id"), "user-" + std::to_string(made.actor));
    EXPECT_EQ(read.value("weight", 1U), made.weight);
  }
}

TEST(Encoder, SeveralJsonEventsOfAMessageAreAnArray) {
  const LoadOptions options = odd_names(Format::kJson);
  const Generator generator(options);
  Encoder encoder(options);
  std::string message;
  encoder.begin(message);
  for (uint64_t k = 0; k < 3; ++k) encoder.add(*generator.event(k), message);
  encoder.end(message);
  EXPECT_EQ(nlohmann::json::parse(message).size(), 3U);
}

TEST(Encoder, TraceIdsCanBeLeftOut) {
  for (const Format format : {Format::kJson, Format::kProtobuf}) {
    LoadOptions options = odd_names(format);
    options.trace_ids = false;
    const Generator generator(options);
    Encoder encoder(options);
    std::string message;
    encoder.begin(message);
    encoder.add(*generator.event(0), message);
    encoder.end(message);
    if (format == Format::kJson) {
      EXPECT_FALSE(nlohmann::json::parse(message).contains("trace_id"));
    } else {
      v1::TelemetryBatch batch;
      ASSERT_TRUE(batch.ParseFromString(message));
      EXPECT_EQ(batch.events(0).trace_id(), "");
      EXPECT_EQ(batch.ByteSizeLong(), message.size());
    }
  }
}

}  // namespace
}  // namespace tocsin::loadgen
