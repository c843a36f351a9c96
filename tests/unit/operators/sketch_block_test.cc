#include "operators/sketch_block.h"

#include <gtest/gtest.h>

#include "operators/rows_codec.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin {
namespace {

// Groups 3, 6, 9, ... with as many latencies as their place, each of as many microseconds as their id.
std::string block_of(int groups) {
  v1::PaneBlock block;
  RowsWriter writer(*block.mutable_rows(), {.frame = false, .counters = false, .sketches = true});
  for (int i = 1; i <= groups; ++i) {
    const auto group = static_cast<uint32_t>(3 * i);
    Partial partial;
    partial.sketch.latency_min_us = group;
    partial.sketch.latency_max_us = 2 * group;
    partial.sketch.parts.add_values(std::vector<uint32_t>(static_cast<size_t>(i), group));
    writer.add(group, 0, partial);
  }
  return block.SerializeAsString();
}

struct Read {
  Status status;
  WindowSketch extremes;
  std::vector<uint32_t> values;
};

Read read(std::string_view block, uint64_t group) {
  Read result;
  SketchMerger merger;
  result.status = merge_from_block(block, group, result.extremes, merger);
  result.values = merger.take_values();
  return result;
}

TEST(SketchBlock, EachGroupHasItsOwn) {
  const std::string block = block_of(400);
  for (uint64_t i = 1; i <= 400; ++i) {
    const Read found = read(block, 3 * i);
    ASSERT_TRUE(found.status.ok()) << i;
    EXPECT_EQ(found.extremes.latency_min_us, 3 * i);
    EXPECT_EQ(found.extremes.latency_max_us, 6 * i);
    EXPECT_EQ(found.values, std::vector<uint32_t>(i, static_cast<uint32_t>(3 * i)));
  }
}

TEST(SketchBlock, AGroupThatIsNotThereAddsNothing) {
  const std::string block = block_of(10);
  for (const uint64_t group : {0U, 1U, 4U, 29U, 31U, 1'000'000U}) {
    const Read found = read(block, group);
    EXPECT_TRUE(found.status.ok()) << group;
    EXPECT_TRUE(found.values.empty()) << group;
    EXPECT_EQ(found.extremes.latency_max_us, 0U) << group;
  }
}

TEST(SketchBlock, WhatIsCutOffIsDamaged) {
  const std::string block = block_of(10);
  for (size_t length = 0; length < block.size(); ++length) {
    EXPECT_EQ(read(block.substr(0, length), 30).status.code(), StatusCode::kDataLoss) << length;
  }
}

TEST(SketchBlock, BytesThatWereChangedAreNeverReadOutOfBounds) {
  const std::string whole = block_of(4);
  size_t damaged = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string block = whole;
      block[at] = static_cast<char>(static_cast<unsigned char>(block[at]) ^ (1U << bit));
      damaged += read(block, 12).status.ok() ? 0U : 1U;
    }
  }
  EXPECT_GT(damaged, 100U);
}

}  // namespace
}  // namespace tocsin
