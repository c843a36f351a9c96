// Protobuf messages made by hand: what libprotobuf would write, and what it would not.

#include <string>

#include <gtest/gtest.h>

#include "engine/decode/protobuf_wire.h"
#include "engine/decode/reasons.h"
#include "tests/unit/decode/harness.h"
#include "tocsin/v1/telemetry.pb.h"

namespace tocsin::decode {
namespace {

using namespace std::string_literals;

std::string base_event() {
  v1::TelemetryEvent event;
  event.set_timestamp_ms(1700000000000);
  event.set_domain("chat");
  return event.SerializeAsString();
}

// Lengths up to 16383 are enough here.
std::string sized(const std::string& bytes) {
  if (bytes.size() < 128) return static_cast<char>(bytes.size()) + bytes;
  return std::string{static_cast<char>(bytes.size() % 128 + 128), static_cast<char>(bytes.size() / 128)} + bytes;
}

std::string batch_of(const std::string& event) { return "\x0A" + sized(event); }

// The slot `name` of the base event with these further bytes, or "!" and the reason.
std::string text_of(std::string_view name, const std::string& more) {
  Harness harness({std::string(name)}, Format::kProtobuf);
  const std::string reason = harness.reason(batch_of(base_event() + more));
  return reason.empty() ? std::string(harness.slot(0, name)) : "!" + reason;
}

std::string reason_with(const std::string& more) { return Harness({}, Format::kProtobuf).reason(batch_of(base_event() + more)); }

Event event_with_fields(const std::string& more) {
  Harness harness({}, Format::kProtobuf);
  const EventBatch& batch = harness.decode(batch_of(base_event() + more));
  EXPECT_EQ(batch.events().size(), 1U);
  return batch.events().empty() ? Event{} : batch.events().front();
}

TEST(Protobuf, EveryFieldIsRead) {
  v1::TelemetryBatch message;
  v1::TelemetryEvent& event = *message.add_events();
  event.set_timestamp_ms(1700000000123);
  event.set_domain("d");
  event.set_operation("o");
  event.set_success(false);
  event.set_latency_ms(12.3456);
  event.set_error_code("e");
  event.set_level(v1::CRITICAL);
  event.set_actor_id("ai");
  event.set_request_id("ri");
  event.set_actor_type("at");
  event.set_session_id("si");
  event.set_trace_id("ti");
  event.set_span_id("sp");
  event.set_event_id("ei");
  (*event.mutable_labels())["region"] = "eu";
  (*event.mutable_labels())["zone"] = "b";
  event.set_weight(10);
  const std::vector<std::string> names = {"domain",     "operation", "error_code", "level",    "actor_id", "request_id", "actor_type",
                                          "session_id", "trace_id",  "span_id",    "event_id", "region",   "metric",     "absent"};
  Harness harness(names);
  const EventBatch& batch = harness.decode(message.SerializeAsString());
  ASSERT_EQ(batch.events().size(), 1U);
  const Event& read = batch.events().front();
  EXPECT_EQ(read.time.ms, 1700000000123);
  EXPECT_EQ(read.latency_us, 12346U);
  EXPECT_EQ(read.weight, 10U);
  EXPECT_FALSE(read.success);
  EXPECT_FALSE(read.measurement);
  EXPECT_EQ(read.raw, event.SerializeAsString());
  const char* texts[] = {"d", "o", "e", "CRITICAL", "ai", "ri", "at", "si", "ti", "sp", "ei", "eu", "", ""};
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(harness.slot(0, names[i]), texts[i]) << names[i];
}

TEST(Protobuf, AMeasurementHasMetricAndValue) {
  v1::TelemetryBatch message;
  v1::TelemetryEvent& event = *message.add_events();
  event.set_timestamp_ms(1);
  event.set_domain("d");
  event.set_metric("queue");
  event.set_value(0);
  event.set_latency_ms(-1);
  Harness harness({"metric"});
  const EventBatch& batch = harness.decode(message.SerializeAsString());
  ASSERT_EQ(batch.events().size(), 1U);
  EXPECT_TRUE(batch.events().front().measurement);
  EXPECT_EQ(batch.events().front().latency_us, kNoLatency);
  EXPECT_EQ(harness.slot(0, "metric"), "queue");
  event.clear_value();
  EXPECT_EQ(harness.reason(message.SerializeAsString()), kMetricWithoutValue);
}

TEST(Protobuf, PresenceOfSuccessIsTold) {
  EXPECT_TRUE(event_with_fields("").success);
  EXPECT_FALSE(event_with_fields("\x32\x01x"s).success);
  EXPECT_TRUE(event_with_fields("\x32\x01x\x20\x01"s).success);
  EXPECT_FALSE(event_with_fields("\x20\x00"s).success);
  EXPECT_TRUE(event_with_fields("\x32\x00"s).success);
}

TEST(Protobuf, TheLastOfSeveralCounts) {
  EXPECT_EQ(text_of("operation", "\x1A\x01x\x1A\x01y"s), "y");
  EXPECT_EQ(text_of("operation", "\x1A\x01x\x1A\x00"s), "");
  EXPECT_TRUE(event_with_fields("\x32\x01x\x32\x00"s).success);
  EXPECT_EQ(event_with_fields("\x80\x01\x07\x80\x01\x09"s).weight, 9U);
}

TEST(Protobuf, AnUnknownLevelIsAsIfAbsent) {
  EXPECT_EQ(text_of("level", "\x38\x01"s), "DEBUG");
  EXPECT_EQ(text_of("level", "\x38\x00"s), "");
  EXPECT_EQ(text_of("level", "\x38\x06"s), "");
  EXPECT_EQ(text_of("level", "\x38\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"s), "");
  EXPECT_EQ(text_of("level", "\x38\x84\x80\x80\x80\x10"s), "ERROR");  // an enum has 32 bits
}

TEST(Protobuf, AWeightHas32Bits) {
  EXPECT_EQ(event_with_fields("\x80\x01\xFF\xFF\xFF\xFF\x0F"s).weight, 4294967295U);
  EXPECT_EQ(event_with_fields("\x80\x01\x85\x80\x80\x80\x10"s).weight, 5U);
  EXPECT_EQ(event_with_fields("\x80\x01\x00"s).weight, 1U);
}

TEST(Protobuf, MapEntriesMayLackOrRepeatOrReverseKeyAndValue) {
  EXPECT_EQ(text_of("k", "\x7A\x06\x0A\x01k\x12\x01v"s), "v");
  EXPECT_EQ(text_of("k", "\x7A\x06\x12\x01v\x0A\x01k"s), "v");
  EXPECT_EQ(text_of("k", "\x7A\x03\x0A\x01k"s), "");
  EXPECT_EQ(text_of("", "\x7A\x03\x12\x01v"s), "v");
  EXPECT_EQ(text_of("", "\x7A\x00"s), "");
  EXPECT_EQ(text_of("k", "\x7A\x0C\x0A\x01x\x12\x01w\x0A\x01k\x12\x01v"s), "v");
  EXPECT_EQ(text_of("k", "\x7A\x0A\x0A\x01k\x1A\x01z\x12\x01v\x20\x05"s.replace(1, 1, "\x0B")), "v");
}

TEST(Protobuf, TheLastEntryOfAKeyCounts) {
  EXPECT_EQ(text_of("k", "\x7A\x06\x0A\x01k\x12\x01v\x7A\x06\x0A\x01k\x12\x01w"s), "w");
  EXPECT_EQ(text_of("k", "\x7A\x06\x0A\x01k\x12\x01v\x7A\x03\x0A\x01k"s), "");
}

TEST(Protobuf, ALabelNeverFillsAField) { EXPECT_EQ(text_of("operation", "\x7A\x0E\x0A\x09operation\x12\x01v"s), ""); }

TEST(Protobuf, AKnownFieldOfAnotherWireTypeIsUnknown) {
  EXPECT_EQ(text_of("operation", "\x1A\x01x\x18\x07"s), "x");            // operation as varint
  EXPECT_EQ(event_with_fields("\x28\x07"s).latency_us, kNoLatency);      // latency as varint
  EXPECT_EQ(event_with_fields("\x0A\x01\x01"s).time.ms, 1700000000000);  // timestamp as bytes
  EXPECT_EQ(text_of("k", "\x7D\x01\x02\x03\x04"s), "");                  // labels as fixed32
  EXPECT_EQ(text_of("operation", "\x1B\x08\x01\x1C"s), "");              // operation as group
}

TEST(Protobuf, UnknownFieldsOfEveryKindArePassedOver) {
  const std::string unknown = "\x98\x06\x96\x01"s + "\x99\x06" + "12345678" + "\x9A\x06\x03xyz" + "\x9D\x06" + "1234" +
                              "\x9B\x06\x08\x01\x9B\x06\x9C\x06\x12\x01z\x9C\x06";
  EXPECT_EQ(text_of("operation", unknown + "\x1A\x01x"), "x");
  Harness harness({}, Format::kProtobuf);
  EXPECT_EQ(harness.reason(unknown + batch_of(base_event()) + unknown), "");
}

TEST(Protobuf, LongerEncodingsThanNeededAreRead) {
  EXPECT_EQ(event_with_fields("\x80\x81\x80\x80\x00\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00"s).weight, 5U);
  EXPECT_EQ(text_of("operation", "\x9A\x80\x80\x80\x00\x81\x80\x80\x80\x00x"s), "x");
}

TEST(Protobuf, ABrokenEventCostsOnlyItself) {
  const std::string good = base_event();
  const std::string broken[] = {"\x08"s,                                              // varint missing
                                "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s,  // varint of 11 bytes
                                "\x80\x80\x80\x80\x80\x01\x00"s,                      // tag of 6 bytes
                                "\x12\x05"
                                "abc"s,                            // string longer than the event
                                "\x12\x81\x80\x80\x80\x80\x00x"s,  // length of 6 bytes
                                "\x12\xFF\xFF\xFF\xFF\x0F"s,       // length of 4 GiB
                                "\x29\x01\x02"s,                   // double cut off
                                "\x1D\x01"s,                       // fixed32 cut off
                                "\x00"s,                           // tag 0
                                "\x02\x00"s,                       // field number 0
                                "\x0C"s,                           // end of no group
                                "\x0B\x14"s,                       // end of another group
                                "\x0B\x08\x01"s,                   // group without end
                                "\x0E\x00"s,                       // wire type 6
                                "\x0F\x00"s,                       // wire type 7
                                "\x7A\x02\x0A\x05"s,               // label key longer than its entry
                                "\x7A\x01\x07"s};                  // wire type 7 in a label
  for (const std::string& bad : broken) {
    Harness harness({"operation"}, Format::kProtobuf);
    const EventBatch& batch = harness.decode(batch_of(good) + batch_of(good + bad) + batch_of(good));
    ASSERT_EQ(batch.events().size(), 2U) << testing::PrintToString(bad);
    EXPECT_EQ(batch.events()[1].index, 2U);
    ASSERT_EQ(batch.dead_letters().size(), 1U);
    EXPECT_EQ(batch.dead_letters().front().reason, kBrokenEvent);
    EXPECT_EQ(batch.dead_letters().front().index, 1U);
    EXPECT_EQ(batch.dead_letters().front().raw, good + bad);
    EXPECT_FALSE(v1::TelemetryEvent().ParseFromString(good + bad));
  }
}

TEST(Protobuf, ABrokenBatchHasNoEvents) {
  const std::string good = batch_of(base_event());
  for (const std::string& bad : {"\x0A"s, "\x0A\x7F"s,
                                 "\x0A\x05"
                                 "abc"s,
                                 "\x00"s, "\x0C"s, "\x0A\xFF\xFF\xFF\xFF\x7F"s, "garbage"s, "\x10\x80"s}) {
    Harness harness({"domain"}, Format::kProtobuf);
    const std::string message = std::string(good).append(batch_of("\x08\x01"s)).append(good).append(bad);
    const EventBatch& batch = harness.decode(message);
    EXPECT_TRUE(batch.events().empty());
    ASSERT_EQ(batch.dead_letters().size(), 1U);
    EXPECT_EQ(batch.dead_letters().front().reason, kBrokenBatch);
    EXPECT_EQ(batch.dead_letters().front().raw, message);
    EXPECT_EQ(batch.dead_letters().front().index, 0U);
  }
}

TEST(Protobuf, EventsAreCountedWithTheBadOnes) {
  Harness harness({}, Format::kProtobuf);
  const EventBatch& batch = harness.decode(batch_of("") + batch_of(base_event()) + batch_of("\x08\x01"s) + batch_of(base_event()));
  ASSERT_EQ(batch.events().size(), 2U);
  EXPECT_EQ(batch.events()[0].index, 1U);
  EXPECT_EQ(batch.events()[1].index, 3U);
  ASSERT_EQ(batch.dead_letters().size(), 2U);
  EXPECT_EQ(batch.dead_letters()[0].reason, kTimestampMissing);
  EXPECT_EQ(batch.dead_letters()[1].reason, kDomainLength);
  EXPECT_EQ(batch.dead_letters()[1].index, 2U);
}

TEST(Protobuf, TextThatIsExtractedMustBeUtf8) {
  EXPECT_EQ(text_of("operation", "\x1A\x01\xFF"s), "!text is not valid UTF-8");
  EXPECT_EQ(text_of("operation", "\x1A\x02\xC3\xA4"s), "\xC3\xA4");
  EXPECT_EQ(text_of("k", "\x7A\x06\x0A\x01k\x12\x01\xFF"s), "!text is not valid UTF-8");
  EXPECT_EQ(reason_with("\x1A\x01\xFF"s), "");
  EXPECT_EQ(reason_with("\x12\x01\xFF"s), kNotUtf8);
}

TEST(Protobuf, GroupsMayBeNestedAsDeepAsTheLibraryAllows) {
  const auto groups = [](size_t depth) { return std::string(depth, '\x0B') + std::string(depth, '\x0C'); };
  const std::string good = base_event();
  for (size_t depth = 97; depth <= 102; ++depth) {
    const std::string message = batch_of(good + groups(depth));
    EXPECT_EQ(Harness({}, Format::kProtobuf).reason(message).empty(), v1::TelemetryBatch().ParseFromString(message)) << depth;
    const std::string outside = batch_of(good) + groups(depth);
    EXPECT_EQ(Harness({}, Format::kProtobuf).reason(outside).empty(), v1::TelemetryBatch().ParseFromString(outside)) << depth;
    const std::string inside = batch_of(good + "\x7A" + sized(groups(depth)));
    EXPECT_EQ(Harness({}, Format::kProtobuf).reason(inside).empty(), v1::TelemetryBatch().ParseFromString(inside)) << depth;
  }
  EXPECT_EQ(reason_with(std::string(10000, '\x0B')), kBrokenEvent);
}

TEST(ProtobufWire, AVarintOfSixBytesIsReadLikeAnyOther) {
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{127}, uint64_t{1} << 35, (uint64_t{1} << 42) - 1, uint64_t{1} << 42, uint64_t{1700000000123}, UINT64_MAX}) {
    std::string bytes;
    for (uint64_t rest = value;; rest >>= 7) {
      bytes.push_back(static_cast<char>(rest < 128 ? rest : (rest & 127) | 128));
      if (rest < 128) break;
    }
    for (const size_t more : {size_t{0}, size_t{1}, size_t{8}}) {
      const std::string padded = bytes + std::string(more, '\xFF');
      const auto* p = reinterpret_cast<const uint8_t*>(padded.data());
      uint64_t read = 1;
      EXPECT_EQ(read_varint_of_six(p, p + padded.size(), read), p + bytes.size());
      EXPECT_EQ(read, value);
    }
  }
}

}  // namespace
}  // namespace tocsin::decode
