#include "operators/rows_codec.h"

#include <gtest/gtest.h>

#include <random>

#include "operators/event/event.h"

namespace tocsin {
namespace {

const std::vector<uint64_t> kThresholds = {100, 200, 300};
const std::vector<uint64_t> kPredicates = {71, 72};
constexpr RowsShape kFrameShape{true, true, true, 2};

// A partial of so many different latencies, its counts above thresholds in accord with them.
Partial partial_of(int latencies, uint64_t first_us, int64_t pane_start_ms) {
  Partial partial;
  PartialTotal& total = partial.total;
  for (int i = 0; i < latencies; ++i) {
    const uint64_t us = first_us + 5 * static_cast<uint64_t>(i);
    total.latency_sum_us += us;
    partial.sketch.latency_min_us = std::min(partial.sketch.latency_min_us, us);
    partial.sketch.latency_max_us = std::max(partial.sketch.latency_max_us, us);
    for (size_t t = kThresholds.size(); t-- > 0;) {
      if (us <= kThresholds[t]) continue;
      total.above.add(static_cast<uint32_t>(t), 1);
      break;
    }
  }
  std::vector<uint32_t> values;
  values.reserve(static_cast<size_t>(latencies));
  for (int i = 0; i < latencies; ++i) values.push_back(static_cast<uint32_t>(first_us) + 5 * static_cast<uint32_t>(i));
  if (latencies > 0) partial.sketch.parts.add_values(values);
  total.latency_count = static_cast<uint64_t>(latencies);
  total.count = total.latency_count + 3;
  total.errors = 2;
  total.latency_sum_us += Uint128{9} << 70;
  total.predicates = {total.count, 1};
  partial.last_event = EventTime{pane_start_ms};
  if (latencies > 0) partial.last_latency_event = EventTime{pane_start_ms + 249};
  return partial;
}

void expect_equal(const Partial& actual, const Partial& expected) {
  EXPECT_EQ(actual.total.count, expected.total.count);
  EXPECT_EQ(actual.total.errors, expected.total.errors);
  EXPECT_EQ(actual.total.latency_count, expected.total.latency_count);
  EXPECT_TRUE(actual.total.latency_sum_us == expected.total.latency_sum_us);
  EXPECT_EQ(actual.total.above, expected.total.above);
  EXPECT_EQ(actual.total.predicates, expected.total.predicates);
  EXPECT_EQ(actual.last_event, expected.last_event);
  EXPECT_EQ(actual.last_latency_event, expected.last_latency_event);
  EXPECT_EQ(actual.sketch.latency_min_us, expected.sketch.latency_min_us);
  EXPECT_EQ(actual.sketch.latency_max_us, expected.sketch.latency_max_us);
  EXPECT_EQ(actual.sketch.parts.bytes(), expected.sketch.parts.bytes());
}

struct Row {
  uint64_t group;
  int64_t pane;
  uint64_t visible_from_ms;
  Partial partial;
};

// Rows with few latencies, many, none; panes that go up and down, also below zero.
std::vector<Row> some_rows() {
  std::vector<Row> rows;
  for (const int latencies : {3, 0, 500, 64, 65}) {
    const int64_t pane = latencies == 500 ? -7 : 40 + latencies;
    rows.push_back({rows.size() * 2, pane, static_cast<uint64_t>(latencies * 250), partial_of(latencies, 60, pane * 250)});
  }
  return rows;
}

v1::Rows encode(const std::vector<Row>& rows) {
  v1::Rows out;
  RowsWriter writer(out, kFrameShape);
  for (const Row& row : rows) {
    writer.set_pane(row.pane, row.visible_from_ms);
    writer.add(row.group, row.pane * 250, row.partial);
  }
  return out;
}

Result<RowsReader> open(const v1::Rows& rows) {
  return RowsReader::open(rows, kFrameShape, kThresholds, kThresholds, kPredicates, kPredicates);
}

TEST(RowsCodec, WhatWasWrittenIsRead) {
  const std::vector<Row> rows = some_rows();
  const v1::Rows encoded = encode(rows);
  Result<RowsReader> reader = open(encoded);
  ASSERT_TRUE(reader.ok());
  for (const Row& row : rows) {
    ASSERT_TRUE(reader->next());
    EXPECT_EQ(reader->group(), row.group);
    EXPECT_EQ(reader->pane(), row.pane);
    EXPECT_EQ(reader->visible_from_ms(), row.visible_from_ms);
    Partial partial;
    const Status status = reader->read(row.pane * 250, partial);
    ASSERT_TRUE(status.ok()) << status.message();
    expect_equal(partial, row.partial);
  }
  EXPECT_FALSE(reader->next());
}

TEST(RowsCodec, RowsMayBePassedOverUnread) {
  const std::vector<Row> rows = some_rows();
  const v1::Rows encoded = encode(rows);
  Result<RowsReader> reader = open(encoded);
  ASSERT_TRUE(reader.ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(reader->next());
  Partial partial;
  ASSERT_TRUE(reader->read(rows[4].pane * 250, partial).ok());
  expect_equal(partial, rows[4].partial);
}

TEST(RowsCodec, CountersAndSketchesCanBeStoredApart) {
  const Partial whole = partial_of(500, 60, 1000);
  v1::Rows counters;
  v1::Rows sketches;
  const RowsShape counters_shape{false, true, false, 2};
  const RowsShape sketches_shape{false, false, true, 0};
  RowsWriter(counters, counters_shape).add(8, 1000, whole);
  RowsWriter(sketches, sketches_shape).add(8, 1000, whole);
  Partial partial;
  for (const auto& [rows, shape] : {std::pair(&counters, counters_shape), std::pair(&sketches, sketches_shape)}) {
    Result<RowsReader> reader =
        RowsReader::open(*rows, shape, kThresholds, kThresholds, kPredicates, shape.counters ? kPredicates : std::vector<uint64_t>());
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(reader->next());
    EXPECT_EQ(reader->group(), 8U);
    ASSERT_TRUE(reader->read(1000, partial).ok());
  }
  expect_equal(partial, whole);
}

TEST(RowsCodec, AReaderWithFewerThresholdsCountsTheSameAboveThoseItHas) {
  const v1::Rows encoded = encode({{0, 0, 0, partial_of(500, 60, 0)}});
  Result<RowsReader> reader = RowsReader::open(encoded, kFrameShape, {200}, kThresholds, {72}, kPredicates);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(reader->next());
  Partial partial;
  ASSERT_TRUE(reader->read(0, partial).ok());
  Total actual;
  actual.add(partial.total);
  Total expected;
  expected.add(partial_of(500, 60, 0).total);
  EXPECT_EQ(actual.count_above(0), expected.count_above(1));
  EXPECT_EQ(partial.total.predicates, std::vector<uint64_t>{1});
}

TEST(RowsCodec, APredicateThatTheWriterLackedCountsNothing) {
  const v1::Rows encoded = encode({{0, 0, 0, partial_of(3, 60, 0)}});
  Result<RowsReader> reader = RowsReader::open(encoded, kFrameShape, kThresholds, kThresholds, {99, 72}, kPredicates);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(reader->next());
  Partial partial;
  ASSERT_TRUE(reader->read(0, partial).ok());
  EXPECT_EQ(partial.total.predicates, (std::vector<uint64_t>{0, 1}));
}

TEST(RowsCodec, ColumnsOfDifferentLengthAreRefused) {
  const v1::Rows sound = encode(some_rows());
  const auto damaged = [&](auto&& damage) {
    v1::Rows rows = sound;
    damage(rows);
    return open(rows).status().code();
  };
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.add_group(1); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.mutable_count()->RemoveLast(); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.mutable_errors()->RemoveLast(); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.mutable_latency_sum_us_high()->RemoveLast(); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.mutable_last_event_ms()->RemoveLast(); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.mutable_predicates()->RemoveLast(); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.mutable_sketch()->RemoveLast(); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.mutable_pane()->RemoveLast(); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.mutable_visible_from_ms()->RemoveLast(); }), StatusCode::kDataLoss);
  EXPECT_EQ(damaged([](v1::Rows& rows) { rows.clear_above(); }), StatusCode::kDataLoss);
}

// 65,536 rows of as many predicates would have 2^32 counts: none at all, to who counts in 32 bits.
TEST(RowsCodec, MoreCountsThanThirtyTwoBitsHoldAreNotTakenForNone) {
  constexpr int kMany = 1 << 16;
  v1::Rows rows;
  for (int i = 0; i < kMany; ++i) RowsWriter(rows, {false, true, false, 0}).add(static_cast<uint64_t>(i), 0, Partial());
  const std::vector<uint64_t> predicates(kMany, 71);
  EXPECT_EQ(RowsReader::open(rows, {false, true, false, 1}, {}, {}, {71}, predicates).status().code(), StatusCode::kDataLoss);
}

// Reads every row; the first error, or ok.
Status read_all(const v1::Rows& rows) {
  Result<RowsReader> reader = open(rows);
  if (!reader.ok()) return reader.status();
  while (reader->next()) {
    Partial partial;
    TOCSIN_RETURN_IF_ERROR(reader->read(0, partial));
  }
  return {};
}

TEST(RowsCodec, DamagedContentIsDataLoss) {
  const v1::Rows sound = encode({{0, 0, 0, partial_of(500, 60, 0)}});
  ASSERT_TRUE(read_all(sound).ok());
  v1::Rows sketch = sound;
  sketch.set_sketch(0, sound.sketch(0).substr(0, sound.sketch(0).size() / 2));
  EXPECT_EQ(read_all(sketch).code(), StatusCode::kDataLoss);
  v1::Rows cut_off = sound;
  cut_off.mutable_above()->RemoveLast();
  EXPECT_EQ(read_all(cut_off).code(), StatusCode::kDataLoss);
  v1::Rows too_many = sound;
  too_many.set_above(0, UINT64_MAX);
  EXPECT_EQ(read_all(too_many).code(), StatusCode::kDataLoss);
  v1::Rows unknown = sound;
  unknown.set_above(1, kThresholds.size());
  EXPECT_EQ(read_all(unknown).code(), StatusCode::kDataLoss);
}

TEST(RowsCodec, NoDamageOfAColumnReadsOutOfBounds) {
  const std::string sound = encode(some_rows()).SerializeAsString();
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = sound;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    v1::Rows rows;
    if (rows.ParseFromString(bytes)) (void)read_all(rows);
  }
}

}  // namespace
}  // namespace tocsin
