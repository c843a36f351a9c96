// The hand-written reader against libprotobuf, on random messages as no writer would write them and on damaged ones.

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <google/protobuf/empty.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include "engine/decode/reasons.h"
#include "engine/decode/validate.h"
#include "tests/unit/decode/harness.h"
#include "tocsin/v1/telemetry.pb.h"

namespace tocsin::decode {
namespace {

using google::protobuf::UnknownField;

const std::vector<std::string> kNames = {"domain",     "operation", "error_code", "level",    "actor_type", "actor_id", "session_id",
                                         "request_id", "trace_id",  "span_id",    "event_id", "metric",     "region",   "zone"};

class Writer {
 public:
  explicit Writer(uint32_t seed) : random_(seed) {}

  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  bool one_in(uint32_t n) { return below(n) == 0; }

  // A varint, at times longer than needed.
  std::string varint(uint64_t value) {
    std::string bytes;
    while (value >= 128) {
      bytes.push_back(static_cast<char>((value & 127) | 128));
      value >>= 7;
    }
    bytes.push_back(static_cast<char>(value));
    if (bytes.size() < 4 && one_in(20)) {
      bytes.back() = static_cast<char>(bytes.back() | '\x80');
      bytes.push_back('\0');
    }
    return bytes;
  }
  std::string tag(uint32_t field, uint32_t type) { return varint(field << 3 | type); }
  std::string text(uint32_t field, const std::string& value) { return tag(field, 2) + varint(value.size()) + value; }
  std::string word() {
    std::string out(one_in(10) ? 200 + below(100) : below(20), ' ');
    for (char& c : out) c = static_cast<char>('a' + below(26));
    return one_in(5) ? out + "\xC3\xA4\xE2\x82\xAC" : out;
  }
  std::string fixed(double value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

  std::string label() {
    std::string key = text(1, one_in(2) ? "region" : one_in(2) ? "zone" : word());
    std::string value = text(2, word());
    if (one_in(10)) key.clear();
    if (one_in(10)) value.clear();
    std::string entry = one_in(4) ? value + key : key + value;
    if (one_in(20)) entry += text(2, word());
    if (one_in(20)) entry = unknown() + entry;
    return text(15, entry);
  }
  // Fields that are not known, or not of that wire type.
  std::string unknown(int depth = 0) {
    const uint32_t field = one_in(3) ? 1 + below(18) : 19 + below(1000);
    switch (below(depth < 3 ? 5 : 4)) {
      case 0: return field == 1 || field == 4 || field == 7 || field == 16 ? "" : tag(field, 0) + varint(random_());
      case 1: return field == 5 || field == 18 ? "" : tag(field, 1) + "12345678";
      case 2: return text(19 + below(5), word());
      case 3: return tag(field, 5) + "1234";
      default: return tag(field, 3) + unknown(depth + 1) + unknown(depth + 1) + tag(field, 4);
    }
  }
  std::string field(uint32_t number) {
    const double doubles[] = {0, 1.5, -1, 12.3456, 1e15, 9e15, NAN, INFINITY, -0.0, 1e18, 1.1e18};
    switch (number) {
      case 1: return tag(1, 0) + varint(one_in(20) ? random_() : 1700000000000 + below(100000));
      case 4: return tag(4, 0) + varint(below(3));
      case 5:
      case 18: return tag(number, 1) + fixed(one_in(3) ? doubles[below(11)] : below(1000000) / 256.0);
      case 7: return tag(7, 0) + varint(one_in(10) ? random_() : below(8));
      case 15: return label();
      case 16: return tag(16, 0) + varint(one_in(10) ? random_() : below(100));
      default: return text(number, word());
    }
  }
  std::string event() {
    std::vector<std::string> fields;
    for (uint32_t number = 1; number <= 18; ++number) {
      const bool measured = number == 17 || number == 18;
      if (number <= 2 ? !one_in(30) : measured ? one_in(4) : one_in(2)) fields.push_back(field(number));
      if (one_in(20)) fields.push_back(field(number));
    }
    while (one_in(2)) fields.push_back(label());
    while (one_in(3)) fields.push_back(unknown());
    if (!one_in(3)) std::shuffle(fields.begin(), fields.end(), random_);
    std::string bytes;
    for (const std::string& bytes_of_field : fields) bytes += bytes_of_field;
    return bytes;
  }

 private:
  std::mt19937_64 random_;
};

// What the contract makes of an event as libprotobuf has read it: written anew, plainly.
bool is_good(const v1::TelemetryEvent& event) {
  if (event.timestamp_ms() <= 0 || event.timestamp_ms() > kTimestampMaxMs) return false;
  if (event.domain().empty() || event.domain().size() > 256) return false;
  if (event.metric().empty() == event.has_value()) return false;
  if (event.has_value()) return std::abs(event.value()) <= 1e18;
  return !event.has_latency_ms() || (event.latency_ms() >= 0 && std::floor(event.latency_ms() * 1000 + 0.5) <= 9007199254740992.0);
}

std::string label_of(const v1::TelemetryEvent& event, const std::string& name) {
  const auto found = event.labels().find(name);
  return found == event.labels().end() ? "" : found->second;
}

void expect_same(const v1::TelemetryEvent& event, const EventBatch& batch, size_t number) {
  const Event& read = batch.events()[number];
  EXPECT_EQ(read.time.ms, event.timestamp_ms());
  EXPECT_EQ(read.measurement, event.has_value());
  EXPECT_EQ(read.value, event.value());
  const bool has_latency = event.has_latency_ms() && !event.has_value();
  EXPECT_EQ(read.latency_us, has_latency ? static_cast<uint64_t>(std::floor(event.latency_ms() * 1000 + 0.5)) : kNoLatency);
  EXPECT_EQ(read.weight, event.weight() == 0 ? 1 : event.weight());
  EXPECT_EQ(read.success, event.has_success() ? event.success() : event.error_code().empty());
  const std::string level = event.level() >= 1 && event.level() <= 5 ? v1::Level_Name(event.level()) : "";
  const std::string texts[] = {event.domain(),
                               event.operation(),
                               event.error_code(),
                               level,
                               event.actor_type(),
                               event.actor_id(),
                               event.session_id(),
                               event.request_id(),
                               event.trace_id(),
                               event.span_id(),
                               event.event_id(),
                               event.metric(),
                               label_of(event, "region"),
                               label_of(event, "zone")};
  for (size_t slot = 0; slot < kNames.size(); ++slot) EXPECT_EQ(batch.slot(number, static_cast<int>(slot)), texts[slot]) << kNames[slot];
}

// Whether the bytes are fields, as libprotobuf reads them into a message that knows none: no UTF-8 is asked for there.
bool fields_of(const std::string& bytes, int nesting, google::protobuf::Empty& fields) {
  google::protobuf::io::ArrayInputStream array(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedInputStream stream(&array);
  stream.SetRecursionLimit(nesting);
  return fields.ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage();
}

bool is_event(const std::string& bytes) {
  google::protobuf::Empty event;
  if (!fields_of(bytes, 99, event)) return false;
  const google::protobuf::UnknownFieldSet& fields = event.GetReflection()->GetUnknownFields(event);
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    google::protobuf::Empty entry;
    if (field.number() != 15 || field.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    if (!fields_of(field.length_delimited(), 98, entry)) return false;
  }
  return true;
}

TEST(ProtobufEquivalence, ReadsRandomMessagesAsTheLibraryDoes) {
  Writer writer(1);
  Harness harness(kNames, Format::kProtobuf, 0);
  size_t good = 0;
  size_t bad = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string message;
    for (uint32_t events = writer.below(6); events > 0; --events) message += writer.text(1, writer.event());
    v1::TelemetryBatch expected;
    ASSERT_TRUE(expected.ParseFromString(message));
    const EventBatch& batch = harness.decode(message);
    size_t number = 0;
    size_t dead = 0;
    for (int i = 0; i < expected.events_size(); ++i) {
      if (is_good(expected.events(i))) {
        ASSERT_LT(number, batch.events().size());
        EXPECT_EQ(batch.events()[number].index, static_cast<uint32_t>(i));
        expect_same(expected.events(i), batch, number++);
      } else {
        ASSERT_LT(dead, batch.dead_letters().size());
        EXPECT_EQ(batch.dead_letters()[dead++].index, static_cast<uint32_t>(i));
      }
    }
    ASSERT_EQ(number, batch.events().size());
    ASSERT_EQ(dead, batch.dead_letters().size());
    good += number;
    bad += dead;
    ASSERT_FALSE(HasFailure()) << round;
  }
  EXPECT_GT(good, 2000U);
  EXPECT_GT(bad, 1000U);
}

TEST(ProtobufEquivalence, RefusesDamagedEventsWhereTheLibraryDoes) {
  const google::protobuf::LogSilencer silencer;  // it reports every text that is not UTF-8
  Writer writer(2);
  Harness harness(kNames, Format::kProtobuf, 0);
  size_t broken = 0;
  size_t read = 0;
  for (int round = 0; round < 100000; ++round) {
    std::string event = writer.event();
    if (event.empty()) continue;
    for (uint32_t edits = 1 + writer.below(2); edits > 0 && !event.empty(); --edits) {
      const size_t at = writer.below(static_cast<uint32_t>(event.size()));
      if (writer.one_in(4)) {
        event.resize(at);
      } else {
        event[at] = static_cast<char>(writer.below(256));
      }
    }
    const EventBatch& batch = harness.decode(writer.text(1, event));
    const bool refused = !batch.dead_letters().empty() && batch.dead_letters().front().reason == kBrokenEvent;
    ASSERT_EQ(refused, !is_event(event)) << testing::PrintToString(event);
    v1::TelemetryEvent expected;
    if (expected.ParseFromString(event) && is_good(expected)) {
      ASSERT_EQ(batch.events().size(), 1U);
      expect_same(expected, batch, 0);
      ++read;
    }
    broken += refused ? 1 : 0;
    ASSERT_FALSE(HasFailure()) << testing::PrintToString(event);
  }
  EXPECT_GT(broken, 10000U);
  EXPECT_GT(read, 5000U);
}

TEST(ProtobufEquivalence, RefusesDamagedBatchesWhereTheLibraryDoes) {
  Writer writer(3);
  Harness harness(kNames, Format::kProtobuf, 0);
  for (int round = 0; round < 30000; ++round) {
    std::string message;
    for (uint32_t events = 1 + writer.below(3); events > 0; --events) message += writer.text(1, writer.event());
    for (uint32_t edits = 1 + writer.below(3); edits > 0; --edits) {
      message[writer.below(static_cast<uint32_t>(message.size()))] = static_cast<char>(writer.below(256));
    }
    const EventBatch& batch = harness.decode(message);
    const bool refused = !batch.dead_letters().empty() &&
                         (batch.dead_letters().front().reason == kBrokenBatch || batch.dead_letters().front().reason == kBrokenFraming);
    google::protobuf::Empty fields;
    ASSERT_EQ(refused, !fields_of(message, 100, fields)) << testing::PrintToString(message);
    ASSERT_TRUE(!refused || batch.events().empty());
  }
}

}  // namespace
}  // namespace tocsin::decode
