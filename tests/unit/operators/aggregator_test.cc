// What stage 1 makes of events: which are late, when they take effect, and what is counted of them.

#include "operators/aggregator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operators/rows_codec.h"
#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr int64_t kStartMs = 1'700'000'000'000;

struct TakenRow {
  int64_t pane_ms;  // after kStartMs
  uint64_t visible_from_ms;
  Partial partial;
};

Event event_at(int64_t ms, uint64_t latency_us = kNoLatency, uint32_t weight = 1, bool success = true) {
  Event event;
  event.time = {ms};
  event.latency_us = latency_us;
  event.weight = weight;
  event.success = success;
  return event;
}

// One worker with one input partition, its watermark half a second behind; later than ten seconds is too late.
class OnePartition {
 public:
  explicit OnePartition(const std::string& expr)
      : plan_(plan_of_exprs({expr})), aggregator_(plan_, {Duration{10'000}, {}}), batch_(plan_->fields.size()) {}

  // One message; times are after kStartMs.
  void add(std::vector<Event> events) {
    batch_.clear();
    for (Event& event : events) {
      event.time.ms += kStartMs;
      batch_.append(event);
    }
    aggregator_.add(batch_, clock_, {});
  }

  // The rows of the only view since the last call.
  std::vector<TakenRow> take() {
    std::vector<TakenRow> rows;
    const std::vector<std::vector<v1::ViewRows>> taken = aggregator_.take(1);
    const View& view = plan_->views[0];
    for (const v1::ViewRows& of_view : taken[0]) {
      const std::vector<uint64_t> predicates = ids_of(view.predicates);
      auto reader = RowsReader::open(of_view.rows(), {true, true, view.latency, predicates.size()}, view.thresholds, view.thresholds,
                                     predicates, predicates);
      TOCSIN_CHECK(reader.ok(), reader.status().message());
      while (reader->next()) {
        const int64_t pane_ms = reader->pane() * of_view.pane_ms();
        TakenRow& row = rows.emplace_back(TakenRow{pane_ms - kStartMs, reader->visible_from_ms(), {}});
        TOCSIN_CHECK(reader->read(pane_ms, row.partial).ok(), "a row that was just written");
      }
    }
    return rows;
  }

  Aggregator& aggregator() { return aggregator_; }

 private:
  std::shared_ptr<const Plan> plan_;
  Aggregator aggregator_;
  EventBatch batch_;
  PartitionClock clock_{Duration{500}};
};

// Pane and time from its end to its effect.
std::vector<std::pair<int64_t, uint64_t>> effects(const std::vector<TakenRow>& rows) {
  std::vector<std::pair<int64_t, uint64_t>> result;
  result.reserve(rows.size());
  for (const TakenRow& row : rows) result.emplace_back(row.pane_ms, row.visible_from_ms);
  return result;
}

TEST(Aggregator, EventsOfOneMessageDoNotMakeEachOtherLate) {
  OnePartition stage("count[10s] > 0");
  stage.add({event_at(10'000), event_at(1'000)});
  EXPECT_EQ(stage.aggregator().counters().late, 0U);
  EXPECT_THAT(effects(stage.take()), ElementsAre(Pair(1'000, 0), Pair(10'000, 0)));
}

TEST(Aggregator, ALateEventTakesEffectAtTheFirstTickAfterTheWatermark) {
  OnePartition stage("count[10s] > 0");
  stage.add({event_at(10'000)});  // the watermark is at 9,500: the next tick is at 9,750
  stage.add({event_at(5'100), event_at(9'499), event_at(9'500)});
  EXPECT_EQ(stage.aggregator().counters().late, 2U);
  EXPECT_THAT(effects(stage.take()), ElementsAre(Pair(5'000, 9'750 - 5'250), Pair(9'250, 250), Pair(9'500, 0), Pair(10'000, 0)));
}

TEST(Aggregator, ALateEventWhosePaneIsOpenTakesEffectAtItsEnd) {
  OnePartition stage("count[10s] > 0");
  stage.add({event_at(10'100)});  // the watermark is at 9,600, inside the pane from 9,500 to 9,750
  stage.add({event_at(9'550)});
  EXPECT_EQ(stage.aggregator().counters().late, 1U);
  EXPECT_THAT(effects(stage.take()), ElementsAre(Pair(9'500, 0), Pair(10'000, 0)));
}

TEST(Aggregator, AnEventIsDroppedIfItIsLaterThanAllowedByAMillisecond) {
  OnePartition stage("count[10s] > 0");
  stage.add({event_at(20'500)});
  stage.add({event_at(10'000), event_at(9'999)});
  EXPECT_EQ(stage.aggregator().counters().late, 1U);
  EXPECT_EQ(stage.aggregator().counters().dropped_late, 1U);
  EXPECT_THAT(effects(stage.take()), ElementsAre(Pair(10'000, 20'250 - 10'250), Pair(20'500, 0)));
}

TEST(Aggregator, WeightsAndLatenciesBeyond32BitsAreCountedExactly) {
  constexpr uint64_t kLarge = uint64_t{1} << 33;
  OnePartition stage("p99[10s] > 500ms and count(latency > 500ms)[10s] > 1 and count(not latency > 1ms)[10s] > 1");
  stage.add(
      {event_at(0, 500'000), event_at(1, 500'001, 10), event_at(2, kLarge, 1, false), event_at(3, kNoLatency, 7), event_at(4, 1'000, 3)});
  const std::vector<TakenRow> rows = stage.take();
  ASSERT_EQ(rows.size(), 1U);  // successes and failures are two series of one group
  const Partial& partial = rows[0].partial;
  EXPECT_EQ(partial.total.count, 22U);
  EXPECT_EQ(partial.total.errors, 1U);
  EXPECT_EQ(partial.total.latency_count, 15U);
  EXPECT_TRUE(partial.total.latency_sum_us == Uint128{500'000 + 10 * 500'001 + 3 * 1'000} + kLarge);
  EXPECT_THAT(partial.total.above.entries(), ElementsAre(Pair(0U, 11U)));
  EXPECT_THAT(partial.total.predicates, ElementsAre(11U, 10U));
  EXPECT_EQ(partial.sketch.latency_min_us, 1'000U);
  EXPECT_EQ(partial.sketch.latency_max_us, kLarge);
  SketchMerger merger;
  merger.add(partial.sketch.parts);
  EXPECT_EQ(merger.take().count(), 15U);
  EXPECT_EQ(partial.last_event, EventTime{kStartMs + 4});
  EXPECT_EQ(partial.last_latency_event, EventTime{kStartMs + 4});
}

TEST(Aggregator, WhatWasDroppedIsForgotten) {
  OnePartition stage("count[10s] > 0");
  stage.add({event_at(0)});
  stage.aggregator().drop();
  EXPECT_TRUE(stage.aggregator().empty());
  EXPECT_EQ(stage.aggregator().bytes(), 0U);
  EXPECT_THAT(effects(stage.take()), IsEmpty());
}

}  // namespace
}  // namespace tocsin
