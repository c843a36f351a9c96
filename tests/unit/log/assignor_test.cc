#include "engine/log/assignor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Partitions = std::vector<TopicPartition>;

TEST(Assignor, RoundRobinDealsAllTopicsInTurn) {
  const std::vector<Subscription> members(3, {{"a", "b"}});
  const auto assigned = assign_partitions(AssignmentStrategy::kRoundRobin, members, {{"a", 4}, {"b", 3}});
  EXPECT_THAT(assigned,
              ElementsAre(Partitions{{"a", 0}, {"a", 3}, {"b", 2}}, Partitions{{"a", 1}, {"b", 0}}, Partitions{{"a", 2}, {"b", 1}}));
}

TEST(Assignor, RangeKeepsPartitionsOfEqualNumberTogether) {
  const auto assigned = assign_partitions(AssignmentStrategy::kRange, {{{"a", "b"}}, {{"a", "b"}}}, {{"a", 3}, {"b", 3}});
  EXPECT_THAT(assigned, ElementsAre(Partitions{{"a", 0}, {"a", 1}, {"b", 0}, {"b", 1}}, Partitions{{"a", 2}, {"b", 2}}));
}

TEST(Assignor, GivesATopicOnlyToItsSubscribers) {
  for (const auto strategy : {AssignmentStrategy::kRange, AssignmentStrategy::kRoundRobin}) {
    const auto assigned = assign_partitions(strategy, {{{"a"}}, {{"b"}}, {{"c"}}}, {{"a", 2}, {"b", 1}, {"nobody", 5}});
    EXPECT_THAT(assigned, ElementsAre(Partitions{{"a", 0}, {"a", 1}}, Partitions{{"b", 0}}, IsEmpty()));
  }
}

TEST(Assignor, GivesEveryPartitionToExactlyOneMember) {
  for (const auto strategy : {AssignmentStrategy::kRange, AssignmentStrategy::kRoundRobin}) {
    for (int32_t partitions = 0; partitions < 12; ++partitions) {
      for (size_t members = 1; members < 7; ++members) {
        const auto assigned = assign_partitions(strategy, std::vector<Subscription>(members, {{"a"}}), {{"a", partitions}});
        std::vector<int32_t> seen;
        for (const Partitions& each : assigned) {
          for (const TopicPartition& partition : each) seen.push_back(partition.partition);
        }
        std::vector<int32_t> all(static_cast<size_t>(partitions));
        for (int32_t i = 0; i < partitions; ++i) all[static_cast<size_t>(i)] = i;
        EXPECT_THAT(seen, testing::UnorderedElementsAreArray(all));
      }
    }
  }
}

}  // namespace
}  // namespace tocsin::log
