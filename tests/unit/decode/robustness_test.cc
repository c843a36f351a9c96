// Damaged and random bytes through both decoders, for about a second each: no crash, no step out of the buffer (with a sanitizer),
// and the promises of the batch hold.

#include <chrono>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/decode/harness.h"
#include "tocsin/v1/telemetry.pb.h"

namespace tocsin {
namespace {

constexpr std::chrono::milliseconds kTime{1000};

std::string protobuf_seed() {
  v1::TelemetryBatch batch;
  for (int i = 0; i < 3; ++i) {
    v1::TelemetryEvent& event = *batch.add_events();
    event.set_timestamp_ms(1700000000000 + i);
    event.set_domain("chat");
    event.set_operation("chat.send");
    event.set_success(i == 0);
    event.set_latency_ms(12.5);
    event.set_level(v1::WARN);
    event.set_trace_id("bfa44c3c721254c1");
    (*event.mutable_labels())["region"] = "eu";
    event.set_weight(10);
  }
  return batch.SerializeAsString();
}

std::string json_seed() {
  const std::string event =
      event_with(R"("labels":{"region":"eu\u00e4\ud83d\ude00","n":1.10},"metadata":{"a":null},"x":[1,{"y":[]}],"latency_ms":"1.5")");
  return "[" + event + ", " + event + ",\n" + event_with(R"("ts":"2026-01-08T00:00:01.787+00:00","level":"warn")") + "]";
}

std::string json_lines_seed() {
  return event_with(R"("region":"eu")") + "\n" + event_with(R"("labels":{"region":"\n"})") + "\r\n" + event_with("");
}

void damage(std::string& bytes, std::mt19937_64& random) {
  for (size_t edits = 1 + random() % 4; edits > 0 && !bytes.empty(); --edits) {
    const size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0: bytes[at] = static_cast<char>(random()); break;
      case 1: bytes[at] = "{}[]:,\"\\\n\0 1tn"[random() % 14]; break;
      case 2: bytes.resize(at); break;
      case 3: bytes.erase(at, random() % 8); break;
      default: bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 16));
    }
  }
}

void expect_promises(const EventBatch& batch, const Harness& harness) {
  const std::string_view message = harness.message();
  const auto is_inside = [&](std::string_view raw) {
    return raw.empty() || (raw.data() >= message.data() && raw.data() + raw.size() <= message.data() + message.size());
  };
  for (size_t i = 0; i < batch.events().size(); ++i) {
    const Event& event = batch.events()[i];
    ASSERT_TRUE(is_inside(event.raw));
    ASSERT_GT(event.time.ms, 0);
    ASSERT_GE(event.weight, 1U);
    ASSERT_TRUE(i == 0 || event.index > batch.events()[i - 1].index);
    for (int slot = 0; slot < batch.slots_per_event(); ++slot) {
      size_t sum = 0;
      for (const char c : batch.slot(i, slot)) sum += static_cast<unsigned char>(c);  // a sanitizer sees views that dangle
      ASSERT_TRUE(sum > 0 || batch.slot(i, slot).find_first_not_of('\0') == std::string_view::npos);
    }
  }
  for (const DeadLetter& letter : batch.dead_letters()) {
    ASSERT_TRUE(is_inside(letter.raw));
    ASSERT_FALSE(letter.reason.empty());
  }
}

void run(const std::vector<std::string>& seeds, Format format) {
  std::mt19937_64 random(11);
  Harness padded({"domain", "region", "level", "n", "trace_id"}, format, Decoder::kPadding);
  Harness bare({"domain", "region", "level", "n", "trace_id"}, format, 0);
  const auto deadline = std::chrono::steady_clock::now() + kTime;
  while (std::chrono::steady_clock::now() < deadline) {
    for (const std::string& seed : seeds) {
      std::string bytes = seed;
      damage(bytes, random);
      const EventBatch& one = padded.decode(bytes);
      expect_promises(one, padded);
      const EventBatch& other = bare.decode(bytes);
      expect_promises(other, bare);
      ASSERT_EQ(one.events().size(), other.events().size());
      ASSERT_EQ(one.dead_letters().size(), other.dead_letters().size());
    }
  }
}

TEST(Robustness, DamagedProtobufDoesNoHarm) { run({protobuf_seed(), std::string("\0\0\0\1\2\0", 6) + protobuf_seed()}, Format::kProtobuf); }
TEST(Robustness, DamagedJsonDoesNoHarm) { run({json_seed(), json_lines_seed(), event_with(R"("x":{"y":[1,2]})")}, Format::kJson); }
TEST(Robustness, DamagedMessagesOfAnyKindDoNoHarm) { run({protobuf_seed(), json_seed(), "\n" + json_lines_seed()}, Format::kAuto); }

// Each empty `labels` puts back what the one before said: work for as many labels as there are names, not as often as one was written.
TEST(Robustness, AMessageThatRepeatsItselfCostsNoMoreThanItsLength) {
  constexpr size_t kTimes = 200'000;  // squared, minutes
  std::string message = R"({"timestamp_ms":1700000000000,"domain":"chat","labels":{"region":"eu")";
  for (size_t i = 0; i < kTimes; ++i) message += R"(,"region":"us")";
  message += '}';
  for (size_t i = 0; i < kTimes; ++i) message += R"(,"labels":{})";
  message += '}';
  Harness harness({"region"});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(harness.reason(message), "");
  EXPECT_EQ(harness.slot(0, "region"), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace tocsin
