// What the evaluator says of frames that it cannot apply.

#include "operators/evaluator.h"

#include <gtest/gtest.h>

#include <functional>

#include "state/memory_store.h"
#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

// A frame of three events of one group.
v1::Frame frame_of(const Plan& plan) {
  v1::Frame frame;
  frame.set_worker("w");
  frame.set_partitions(8);
  frame.set_part(1);
  frame.set_parts(1);
  v1::InputTopic& topic = *frame.add_topics();
  topic.set_name("in");
  topic.set_partitions(1);
  v1::InputProgress& progress = *frame.add_inputs();
  progress.set_from(0);
  progress.set_to(3);
  v1::ViewRows& rows = *frame.add_views();
  rows.set_view(plan.views[0].id);
  rows.set_labels_per_group(1);
  rows.add_labels("eu");
  rows.set_pane_ms(plan.views[0].pane.ms);
  Partial partial;
  partial.total.count = 3;
  RowsWriter writer(*rows.mutable_rows(), {.frame = true, .counters = true});
  writer.add(0, 0, partial);
  writer.set_pane(0, 0);
  return frame;
}

Status apply(const std::function<void(v1::Frame&)>& change) {
  const std::shared_ptr<const Plan> plan = plan_of(rules_text({{"expr: count[5s] > 1", "by: [region]"}}));
  const state::MemoryStore store;
  Evaluator evaluator(plan, store, {.partition = 3, .partitions = 8, .until = std::nullopt});
  v1::Frame frame = frame_of(*plan);
  change(frame);
  return evaluator.apply(frame.SerializeAsString(), 70);
}

TEST(EvaluatorFrames, AFrameThatFitsIsApplied) {
  const Status status = apply([](v1::Frame&) {});
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(EvaluatorFrames, OneThatIsRefusedIsNamedWithItsPlaceAndTheWayOut) {
  const std::vector<std::function<void(v1::Frame&)>> changes = {
      [](v1::Frame& frame) { frame.mutable_views(0)->set_labels_per_group(2); },
      [](v1::Frame& frame) { frame.mutable_views(0)->set_pane_ms(0); },
      [](v1::Frame& frame) { frame.mutable_views(0)->clear_labels(); },
      [](v1::Frame& frame) { frame.mutable_views(0)->mutable_rows()->clear_errors(); },
      [](v1::Frame& frame) { frame.mutable_inputs(0)->set_topic(1); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    const Status status = apply(changes[i]);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << i;
    EXPECT_NE(status.message().find("the frame at offset 70 of partials partition 3"), std::string::npos) << status.message();
    EXPECT_NE(status.message().find("another `app` name"), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace tocsin
