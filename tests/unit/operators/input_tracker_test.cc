#include "operators/input_tracker.h"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

// A frame over partitions of topic "in".
struct FrameBuilder {
  explicit FrameBuilder(int32_t partitions) {
    v1::InputTopic& topic = *frame.add_topics();
    topic.set_name("in");
    topic.set_partitions(partitions);
    frame.set_worker("w");
  }
  FrameBuilder& input(int32_t partition, int64_t from, int64_t to, std::optional<int64_t> watermark_ms = {}, bool finished = false) {
    v1::InputProgress& progress = *frame.add_inputs();
    progress.set_partition(partition);
    progress.set_from(from);
    progress.set_to(to);
    if (watermark_ms) {
      progress.set_watermark_ms(*watermark_ms);
      progress.set_first_event_ms(*watermark_ms - 100);
      progress.set_largest_event_ms(*watermark_ms + 500);
    }
    progress.set_finished(finished);
    return *this;
  }
  v1::Frame frame;
};

using Novelty = InputTracker::Novelty;

Novelty apply(InputTracker& tracker, const FrameBuilder& builder) {
  const Result<InputTracker::Applied> applied = tracker.apply(builder.frame);
  EXPECT_TRUE(applied.ok()) << applied.status().message();
  return applied.ok() ? applied->novelty : Novelty::kDuplicate;
}

std::optional<EventTime> late_before(InputTracker& tracker, const FrameBuilder& builder) {
  const Result<InputTracker::Applied> applied = tracker.apply(builder.frame);
  EXPECT_TRUE(applied.ok()) << applied.status().message();
  return applied.ok() ? applied->late_before : std::nullopt;
}

StatusCode refused(InputTracker& tracker, const FrameBuilder& builder) { return tracker.apply(builder.frame).status().code(); }

TEST(InputTracker, HasNoWatermarkUntilEveryPartitionHasOne) {
  InputTracker tracker;
  EXPECT_FALSE(tracker.watermark());
  apply(tracker, FrameBuilder(2).input(0, 0, 5, 1000));
  EXPECT_FALSE(tracker.watermark());
  apply(tracker, FrameBuilder(2).input(1, 0, 3, 700));
  EXPECT_EQ(tracker.watermark(), EventTime{700});
  EXPECT_EQ(tracker.slowest(), "in-1");
  EXPECT_EQ(tracker.first_event(), EventTime{600});
}

TEST(InputTracker, TheWatermarkIsTheLeastAndDoesNotFall) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(2).input(0, 0, 5, 1000).input(1, 0, 5, 2000));
  EXPECT_EQ(tracker.watermark(), EventTime{1000});
  apply(tracker, FrameBuilder(2).input(0, 5, 6, 400));
  EXPECT_EQ(tracker.watermark(), EventTime{1000});
  apply(tracker, FrameBuilder(2).input(0, 6, 7, 3000));
  EXPECT_EQ(tracker.watermark(), EventTime{2000});
}

TEST(InputTracker, ANewPartitionJoinsWithTheWatermarkOfTheEvaluation) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(1).input(0, 0, 5, 1000));
  apply(tracker, FrameBuilder(3).input(0, 5, 6, 1500));
  EXPECT_EQ(tracker.watermark(), EventTime{1000}) << "as it was when they joined";
  apply(tracker, FrameBuilder(3).input(1, 0, 1, 200).input(2, 0, 1, 5000));
  EXPECT_EQ(tracker.watermark(), EventTime{1000}) << "older events of a new partition do not take it back";
}

TEST(InputTracker, EventsOfANewPartitionAreLateUntilItsOwnWatermarkHasCaughtUp) {
  InputTracker tracker;
  EXPECT_EQ(late_before(tracker, FrameBuilder(1).input(0, 0, 5, 1000)), std::nullopt) << "the first ones of all join nothing";
  EXPECT_EQ(late_before(tracker, FrameBuilder(2).input(0, 5, 6, 1500)), std::nullopt);
  EXPECT_EQ(late_before(tracker, FrameBuilder(2).input(1, 0, 1, 200)), EventTime{1000});
  v1::PositionRow row;
  tracker.save(row);
  InputTracker restored;
  restored.restore(row);
  EXPECT_EQ(late_before(restored, FrameBuilder(2).input(1, 1, 2, 1000)), EventTime{1000});
  EXPECT_EQ(late_before(restored, FrameBuilder(2).input(1, 2, 3, 1200)), std::nullopt);
}

TEST(InputTracker, ATopicThatIsReadNoMoreHoldsNothingBack) {
  InputTracker tracker;
  FrameBuilder two(1);
  v1::InputTopic& other = *two.frame.add_topics();
  other.set_name("other");
  other.set_partitions(1);
  two.input(0, 0, 5, 9000).input(0, 0, 5, 1000);
  two.frame.mutable_inputs(1)->set_topic(1);
  apply(tracker, two);
  EXPECT_EQ(tracker.watermark(), EventTime{1000});
  EXPECT_EQ(tracker.slowest(), "other-0");
  apply(tracker, FrameBuilder(1).input(0, 5, 6, 9500));
  EXPECT_EQ(tracker.watermark(), EventTime{9500});
}

TEST(InputTracker, ADuplicateFrameChangesNothing) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(1).input(0, 0, 5, 1000));
  EXPECT_EQ(apply(tracker, FrameBuilder(1).input(0, 0, 5, 9000)), Novelty::kDuplicate);
  EXPECT_EQ(apply(tracker, FrameBuilder(1).input(0, 2, 4, 9000)), Novelty::kDuplicate);
  EXPECT_EQ(tracker.watermark(), EventTime{1000});
  EXPECT_EQ(apply(tracker, FrameBuilder(1).input(0, 5, 6, 1500)), Novelty::kNew);
}

TEST(InputTracker, AGapIsDataLoss) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(1).input(0, 0, 5, 1000));
  EXPECT_EQ(refused(tracker, FrameBuilder(1).input(0, 6, 7, 2000)), StatusCode::kDataLoss);
  EXPECT_EQ(tracker.watermark(), EventTime{1000});
}

TEST(InputTracker, APartialOverlapIsDataLoss) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(1).input(0, 0, 5, 1000));
  EXPECT_EQ(refused(tracker, FrameBuilder(1).input(0, 3, 7, 2000)), StatusCode::kDataLoss);
}

TEST(InputTracker, AFrameThatIsNewForOnePartitionAndOldForAnotherIsDataLoss) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(2).input(0, 0, 5, 1000).input(1, 0, 5, 1000));
  EXPECT_EQ(refused(tracker, FrameBuilder(2).input(0, 5, 6, 2000).input(1, 0, 5, 1000)), StatusCode::kDataLoss);
  EXPECT_EQ(tracker.watermark(), EventTime{1000});
}

TEST(InputTracker, ATopicThatTheFrameDoesNotListIsDataLoss) {
  InputTracker tracker;
  FrameBuilder builder(1);
  builder.input(0, 0, 5, 1000);
  builder.frame.mutable_inputs(0)->set_topic(1);
  EXPECT_EQ(refused(tracker, builder), StatusCode::kDataLoss);
}

TEST(InputTracker, AFrameWithoutOffsetsStillMovesTheWatermark) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(1).input(0, 7, 7, 1000));
  EXPECT_EQ(tracker.watermark(), EventTime{1000});
  EXPECT_EQ(apply(tracker, FrameBuilder(1).input(0, 7, 7, 2000)), Novelty::kNew);
  EXPECT_EQ(tracker.watermark(), EventTime{2000});
  EXPECT_EQ(apply(tracker, FrameBuilder(1).input(0, 7, 9, 2500)), Novelty::kNew);
}

TEST(InputTracker, AFinishedPartitionNoLongerHoldsTheWatermarkBack) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(2).input(0, 0, 5, 1000).input(1, 0, 5, 9000));
  apply(tracker, FrameBuilder(2).input(0, 5, 5, 1000, true));
  EXPECT_EQ(tracker.watermark(), EventTime{9000});
  EXPECT_FALSE(tracker.end());
  apply(tracker, FrameBuilder(2).input(1, 5, 5, 9000, true));
  EXPECT_EQ(tracker.watermark(), EventTime::max());
  EXPECT_EQ(tracker.end(), EventTime{9500});
}

TEST(InputTracker, AnEmptyFileThatHasEndedNeedsNoEvent) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(2).input(0, 0, 5, 1000));
  apply(tracker, FrameBuilder(2).input(1, 0, 0, {}, true));
  EXPECT_EQ(tracker.watermark(), EventTime{1000});
  EXPECT_EQ(tracker.first_event(), EventTime{900});
}

TEST(InputTracker, WhatWasSavedIsRestored) {
  InputTracker tracker;
  apply(tracker, FrameBuilder(2).input(0, 0, 5, 1000).input(1, 0, 9, 4000, true));
  v1::PositionRow row;
  tracker.save(row);
  InputTracker restored;
  restored.restore(row);
  EXPECT_EQ(restored.watermark(), tracker.watermark());
  EXPECT_EQ(restored.first_event(), tracker.first_event());
  EXPECT_EQ(restored.slowest(), "in-0");
  EXPECT_EQ(apply(restored, FrameBuilder(2).input(0, 0, 5, 1000)), Novelty::kDuplicate);
  EXPECT_EQ(apply(restored, FrameBuilder(2).input(0, 5, 6, 2000)), Novelty::kNew);
  v1::PositionRow again;
  restored.save(again);
  EXPECT_EQ(again.inputs_size(), 2);
}

}  // namespace
}  // namespace tocsin
