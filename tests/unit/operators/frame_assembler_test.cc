#include "operators/frame_assembler.h"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

v1::Frame part(const std::string& worker, uint64_t sequence, uint32_t number, uint32_t of) {
  v1::Frame frame;
  frame.set_worker(worker);
  frame.set_sequence(sequence);
  frame.set_part(number);
  frame.set_parts(of);
  return frame;
}

TEST(FrameAssembler, AFrameOfOnePartIsCompleteAtOnce) {
  FrameAssembler assembler;
  const std::vector<FrameAssembler::Part> parts = assembler.add(part("a", 1, 1, 1), 40);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].offset, 40);
  EXPECT_FALSE(assembler.oldest_offset());
}

TEST(FrameAssembler, PartsComeOutInOrderWithTheLastOne) {
  FrameAssembler assembler;
  EXPECT_TRUE(assembler.add(part("a", 1, 1, 3), 40).empty());
  EXPECT_TRUE(assembler.add(part("a", 1, 2, 3), 41).empty());
  EXPECT_EQ(assembler.oldest_offset(), 40);
  const std::vector<FrameAssembler::Part> parts = assembler.add(part("a", 1, 3, 3), 42);
  ASSERT_EQ(parts.size(), 3U);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(parts[i].frame.part(), i + 1);
    EXPECT_EQ(parts[i].offset, 40 + static_cast<int64_t>(i));
  }
  EXPECT_FALSE(assembler.oldest_offset());
}

TEST(FrameAssembler, PartsOfSeveralWorkersMayAlternate) {
  FrameAssembler assembler;
  EXPECT_TRUE(assembler.add(part("a", 7, 1, 2), 10).empty());
  EXPECT_TRUE(assembler.add(part("b", 7, 1, 2), 11).empty());
  EXPECT_EQ(assembler.add(part("a", 7, 2, 2), 12).size(), 2U);
  EXPECT_EQ(assembler.oldest_offset(), 11);
  EXPECT_EQ(assembler.add(part("b", 7, 2, 2), 13).size(), 2U);
}

TEST(FrameAssembler, AnOlderIncompleteFrameOfTheWorkerIsForgotten) {
  FrameAssembler assembler;
  EXPECT_TRUE(assembler.add(part("a", 1, 1, 3), 10).empty());
  EXPECT_TRUE(assembler.add(part("a", 2, 1, 2), 20).empty());
  EXPECT_EQ(assembler.oldest_offset(), 20);
  const std::vector<FrameAssembler::Part> parts = assembler.add(part("a", 2, 2, 2), 21);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].offset, 20);
}

}  // namespace
}  // namespace tocsin
