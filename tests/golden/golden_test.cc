// Files that earlier versions wrote, read with today's code; and what today's code writes, held against them.

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operators/keys.h"
#include "operators/partition_clock.h"
#include "operators/rows_codec.h"
#include "state/changelog.h"
#include "tests/golden/run.h"
#include "tests/golden/samples.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin::golden {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class Written : public testing::TestWithParam<Sample> {};

TEST_P(Written, TodayAsItEverWas) { EXPECT_EQ(to_text(GetParam().make()), to_text(load(GetParam().name))); }

INSTANTIATE_TEST_SUITE_P(Golden, Written, testing::ValuesIn(samples()),
                         [](const auto& sample) { return sample.param.name.substr(0, sample.param.name.find('.')); });

TEST(Golden, AFileIsReadAsItWasWritten) {
  const Entries entries{
      {"plain", "a = : - text"}, {"none", std::nullopt}, {"empty", ""}, {"bytes", std::string(200, '\0') + "\xff\n"}, {"spaces", " x "}};
  EXPECT_EQ(from_text("# comment\n" + to_text(entries)), entries);
}

TEST(Golden, KeysAreReadBack) {
  const Entries keys = load("keys.v1");
  state::KeyReader group(bytes_of(keys, "group"));
  EXPECT_THAT((std::vector<uint64_t>{group.u32(), group.u8(), group.u64(), group.u64()}), ElementsAre(3, 'g', 0x0102030405060708, 9));
  EXPECT_TRUE(group.complete());
  state::KeyReader pane(bytes_of(keys, "pane_sketches"));
  EXPECT_THAT((std::vector<uint64_t>{pane.u32(), pane.u8(), pane.u64(), pane.u8()}), ElementsAre(0, 'p', 0xa1, 1));
  EXPECT_THAT((std::vector<int64_t>{pane.i64(), pane.i64(), pane.i64()}), ElementsAre(21'600'000, -1'000, 0));
  EXPECT_EQ(pane.u64(), 0U);
  EXPECT_TRUE(pane.complete());
  state::KeyReader position(bytes_of(keys, "changelog_position_value"));
  EXPECT_THAT((std::vector<int64_t>{position.i64(), position.i64()}), ElementsAre(1'234'567, 1'700'000'000'123));
  state::KeyReader fields(bytes_of(keys, "fields"));
  EXPECT_EQ(fields.u8(), 7);
  EXPECT_EQ(fields.bytes(), std::string("a\0b", 3));
  EXPECT_EQ(fields.raw(3), "raw");
  EXPECT_THAT((std::vector<int64_t>{fields.i64(), fields.i64(), fields.i64()}), ElementsAre(-1, 0, INT64_MAX));
  EXPECT_TRUE(fields.complete());
}

// What a digest says, at all percentiles.
std::vector<double> quantiles(const TDigest& digest) {
  std::vector<double> values{static_cast<double>(digest.count()), digest.min(), digest.max()};
  for (int i = 0; i <= 100; ++i) values.push_back(digest.quantile(i / 100.0));
  return values;
}

TEST(Golden, DigestsSayWhatTheySaid) {
  const Entries sketches = load("sketches.v1");
  const auto read = [&](const std::string& name) {
    const std::optional<TDigest> digest = TDigest::decode(bytes_of(sketches, name));
    EXPECT_TRUE(digest) << name;
    return quantiles(digest.value_or(TDigest()));
  };
  EXPECT_EQ(read("empty"), quantiles(TDigest()));
  EXPECT_EQ(read("small"), quantiles(small_digest()));
  EXPECT_EQ(read("fractional"), quantiles(fractional_digest()));
  EXPECT_EQ(TDigest::decode(bytes_of(sketches, "large"))->count(), large_digest().count());
  EXPECT_EQ(TDigest::decode(bytes_of(sketches, "large"))->min(), large_digest().min());
  EXPECT_EQ(TDigest::decode(bytes_of(sketches, "large"))->max(), large_digest().max());
  const std::optional<SketchParts> parts = SketchParts::from_bytes(bytes_of(sketches, "parts"));
  ASSERT_TRUE(parts);
  SketchMerger merger;
  merger.add(*parts);
  TDigest expected = small_digest();
  for (const double value : {0.0, 5.0, 5.0, 4'294'967'295.0}) expected.add(value);
  EXPECT_EQ(quantiles(merger.take()), quantiles(expected));
}

void expect_row(const Partial& read, const Partial& expected, bool counters, bool sketch) {
  if (counters) {
    EXPECT_EQ(read.total.count, expected.total.count);
    EXPECT_EQ(read.total.errors, expected.total.errors);
    EXPECT_EQ(read.total.latency_count, expected.total.latency_count);
    EXPECT_TRUE(read.total.latency_sum_us == expected.total.latency_sum_us);
    EXPECT_EQ(read.total.above, expected.total.above);
    EXPECT_EQ(read.total.predicates, expected.total.predicates);
    EXPECT_EQ(read.last_event, expected.last_event);
    EXPECT_EQ(read.last_latency_event, expected.last_latency_event);
  }
  if (!sketch) return;
  EXPECT_EQ(read.sketch.latency_min_us, expected.sketch.latency_min_us);
  EXPECT_EQ(read.sketch.latency_max_us, expected.sketch.latency_max_us);
  EXPECT_EQ(read.sketch.parts.bytes(), expected.sketch.parts.bytes());
}

const std::vector<uint64_t> kThresholds{1'000, 150'000, 200'000, 5'000'000};
const std::vector<uint64_t> kPredicates{0xaa, 0xbb};

TEST(Golden, BlocksOfPanesAreReadExactly) {
  const Entries blocks = load("blocks.v1");
  for (const bool counters : {true, false}) {
    v1::PaneBlock block;
    ASSERT_TRUE(block.ParseFromString(bytes_of(blocks, counters ? "counters" : "sketches")));
    const RowsShape shape{false, counters, !counters, counters ? size_t{2} : 0};
    const std::vector<uint64_t> predicates = counters ? kPredicates : std::vector<uint64_t>();
    auto reader = RowsReader::open(block.rows(), shape, kThresholds, {block.thresholds_us().begin(), block.thresholds_us().end()},
                                   predicates, {block.predicates().begin(), block.predicates().end()});
    ASSERT_TRUE(reader.ok()) << reader.status().message();
    uint64_t group = 40;
    for (const Partial& expected : rows()) {
      ASSERT_TRUE(reader->next());
      EXPECT_EQ(reader->group(), ++group);
      Partial read;
      ASSERT_TRUE(reader->read(1'700'000'000'000, read).ok());
      expect_row(read, expected, counters, !counters);
    }
    EXPECT_FALSE(reader->next());
  }
}

TEST(Golden, FramesAreReadExactly) {
  v1::Frame frame;
  ASSERT_TRUE(frame.ParseFromString(bytes_of(load("frames.v1"), "partition_0")));
  EXPECT_EQ(frame.worker(), "host-aggregate-0");
  EXPECT_THAT((std::vector<uint64_t>{frame.format(), frame.sequence(), frame.part(), frame.parts(), frame.partitions(), frame.plan()}),
              ElementsAre(1, 77, 1, 1, 2, 0x1122334455667788));
  EXPECT_THAT((std::vector<int64_t>{frame.resolution_ms(), frame.oldest_record_ms()}), ElementsAre(250, 1'700'000'002'345));
  EXPECT_EQ(frame.topics(0).name(), "telemetry");
  EXPECT_EQ(frame.topics(0).partitions(), 4);
  ASSERT_THAT(frame.inputs(), SizeIs(2));
  const v1::InputProgress& progress = frame.inputs(0);
  EXPECT_THAT((std::vector<int64_t>{progress.partition(), progress.from(), progress.to(), progress.watermark_ms(),
                                    progress.first_event_ms(), progress.largest_event_ms(), progress.lost()}),
              ElementsAre(3, 100, 250, 1'700'000'001'500, -5, 1'700'000'002'000, 2));
  EXPECT_TRUE(progress.idle() && !progress.finished() && frame.inputs(1).finished() && !frame.inputs(1).has_watermark_ms());
  ASSERT_THAT(frame.views(), SizeIs(1));
  const v1::ViewRows& view = frame.views(0);
  EXPECT_THAT(view.labels(), ElementsAre("eu", "us", ""));
  auto reader =
      RowsReader::open(view.rows(), {true, true, true, 2}, kThresholds, {view.thresholds_us().begin(), view.thresholds_us().end()},
                       kPredicates, {view.predicates().begin(), view.predicates().end()});
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  for (size_t i = 0; i < rows().size(); ++i) {
    ASSERT_TRUE(reader->next());
    EXPECT_EQ(reader->group(), i);
    EXPECT_EQ(reader->pane() * view.pane_ms(), 1'700'000'000'000);
    EXPECT_EQ(reader->visible_from_ms(), i == 2 ? 3'500U : 0U);
    Partial read;
    ASSERT_TRUE(reader->read(1'700'000'000'000, read).ok());
    expect_row(read, rows()[i], true, true);
  }
  EXPECT_FALSE(reader->next());
}

TEST(Golden, ClocksInOffsetsGoOn) {
  const Entries offsets = load("offsets.v1");
  const auto clock = [&](const std::string& name) { return *PartitionClock::decode(bytes_of(offsets, name), Duration{500}); };
  EXPECT_FALSE(clock("fresh").has_watermark() || clock("fresh").first_event() || clock("fresh").idle());
  EXPECT_EQ(clock("busy").watermark(), EventTime{1'700'000'008'500});
  EXPECT_EQ(clock("busy").first_event(), EventTime{1'700'000'000'000});
  EXPECT_EQ(clock("busy").largest_event(), EventTime{1'700'000'009'000});
  EXPECT_FALSE(clock("busy").idle());
  EXPECT_EQ(clock("idle").watermark(), EventTime{1'700'000'059'500});
  EXPECT_TRUE(clock("idle").idle() && clock("empty").idle());
  EXPECT_FALSE(clock("empty").first_event());
}

TEST(Golden, ChangelogRecordsAreReadBack) {
  const Entries entries = load("changelog.v1");
  ASSERT_THAT(entries, SizeIs(6));
  const auto operation = [&](size_t i) {
    std::optional<std::string_view> value;
    if (entries[2 * i + 1].bytes) value = *entries[2 * i + 1].bytes;
    return *state::decode({*entries[2 * i].bytes, value});
  };
  EXPECT_EQ(operation(0).kind, state::WriteBatch::Kind::kPut);
  EXPECT_EQ(operation(0).key, keys::position(3));
  EXPECT_EQ(operation(0).value, "value");
  EXPECT_EQ(operation(1).kind, state::WriteBatch::Kind::kPut);
  EXPECT_EQ(operation(1).value, "");
  EXPECT_EQ(operation(2).kind, state::WriteBatch::Kind::kDelete);
}

TEST(Golden, AlertsMeanWhatTheyMeant) {
  // Each event is there as a state and as an event, first in JSON, then in protobuf; of a resolved one the state is a tombstone.
  std::vector<std::optional<std::string>> values;
  for (const Entry& entry : load("alerts.v1")) {
    if (entry.name == "value") values.push_back(entry.bytes);
    if (entry.name == "key") {
      EXPECT_EQ(entry.bytes, "00c0ffee00c0ffee");
    }
  }
  ASSERT_THAT(values, SizeIs(8));
  const std::vector<v1::AlertEvent> expected{alert_firing(), alert_firing(), alert_resolved(), alert_resolved()};
  for (size_t i = 0; i < 8; ++i) {
    if (i % 4 == 2) {
      EXPECT_EQ(values[i], std::nullopt);
      continue;
    }
    v1::AlertEvent read;
    const bool parsed = i < 4 ? google::protobuf::util::JsonStringToMessage(*values[i], &read).ok() : read.ParseFromString(*values[i]);
    ASSERT_TRUE(parsed) << *values[i];
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(read, expected[i % 4])) << read.DebugString();
  }
}

TEST(Golden, SignalsAreObjectsOfOneLine) {
  const nlohmann::json status = nlohmann::json::parse(bytes_of(load("signals.v1"), "status"));
  EXPECT_EQ(status["type"], "status");
  EXPECT_EQ(status["instance"], "host-1");
  EXPECT_EQ(status["alerts"], 7);
}

TEST(Golden, AnotherVersionsLogIsGoneOnWith) {
  const std::vector<std::string> expected = alerts_of_whole_run(kShortLife);
  ASSERT_THAT(expected, SizeIs(8));
  EXPECT_EQ(alerts_going_on_from(load("run.v2"), kShortLife), expected);
  // From before sketches of five seconds were left out.
  EXPECT_EQ(alerts_going_on_from(load("run.v1"), kShortLife), expected);
  // From before position rows said where they lie in the changelog.
  EXPECT_EQ(alerts_going_on_from(load("run.v1-1"), kShortLife), expected);
  // From before there were versions in rows and frames.
  EXPECT_EQ(alerts_going_on_from(load("run.v0"), kShortLife), expected);
}

TEST(Golden, AnotherVersionsPanesAreGoneOnWith) {
  const std::vector<std::string> expected = alerts_of_whole_run(kLongLife);
  ASSERT_THAT(expected, SizeIs(testing::Ge(10U)));
  // From before sketches of five seconds were left out.
  EXPECT_EQ(alerts_going_on_from(load("long_run.v1"), kLongLife), expected);
}

}  // namespace
}  // namespace tocsin::golden
