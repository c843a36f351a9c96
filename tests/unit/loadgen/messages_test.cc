#include "engine/loadgen/messages.h"

#include <gtest/gtest.h>

#include "tocsin/v1/telemetry.pb.h"

namespace tocsin::loadgen {
namespace {

LoadOptions options_of_eleven_messages() {
  LoadOptions options;
  options.start = EventTime{1'767'225'600'000};
  options.format = Format::kProtobuf;
  options.events = 1050;
  options.batch = 100;
  options.partitions = 4;
  options.rate = 1000;
  return options;
}

TEST(Messages, HoldAllEventsOnceInOrder) {
  Messages messages(options_of_eleven_messages());
  const Generator generator(options_of_eleven_messages());
  ASSERT_EQ(messages.count(), 11U);
  Message message;
  uint64_t k = 0;
  for (uint64_t j = 0; j < messages.count(); ++j) {
    messages.make(j, message);
    EXPECT_EQ(message.partition, static_cast<int32_t>(j % 4));
    v1::TelemetryBatch batch;
    ASSERT_TRUE(batch.ParseFromString(message.value));
    EXPECT_EQ(message.events, static_cast<uint64_t>(batch.events_size()));
    for (const v1::TelemetryEvent& event : batch.events()) EXPECT_EQ(event.timestamp_ms(), generator.event(k++)->time.ms);
  }
  EXPECT_EQ(k, 1050U);
}

TEST(Messages, AreDueWithTheirLastEvent) {
  const Messages messages(options_of_eleven_messages());
  EXPECT_EQ(messages.due(0).ms, options_of_eleven_messages().start.ms + 99);
  EXPECT_EQ(messages.due(10).ms, options_of_eleven_messages().start.ms + 1049);
}

TEST(Messages, AreTheSameInAnyOrder) {
  Messages forward(options_of_eleven_messages());
  Messages backward(options_of_eleven_messages());
  Message first;
  Message second;
  forward.make(3, first);
  for (uint64_t j = 10; j >= 3; --j) backward.make(j, second);
  EXPECT_EQ(first.value, second.value);
}

TEST(Messages, ThatAreSilencedAltogetherAreEmpty) {
  LoadOptions options = options_of_eleven_messages();
  options.domains = {"chat"};
  options.incidents = {{.at = {100}, .length = {150}, .domain = "chat", .region = {}, .kind = Incident::Kind::kSilence}};
  Messages messages(options);
  Message message;
  messages.make(1, message);
  EXPECT_EQ(message.events, 0U);
  messages.make(2, message);
  EXPECT_EQ(message.events, 50U);
}

}  // namespace
}  // namespace tocsin::loadgen
