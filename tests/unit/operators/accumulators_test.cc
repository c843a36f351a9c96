#include "operators/accumulators.h"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

void add_latencies(Accumulators& accumulators, uint32_t series, uint32_t count) {
  Event event;
  for (uint32_t i = 0; i < count; ++i) {
    event.latency_us = uint64_t{series} * 1'000'000 + i;
    accumulators.add({series, EventTime{0}, EventTime::min()}, event);
  }
}

// A series so hot that it has a buffer of its own leaves nothing behind that later ones, which share blocks, could run out of.
TEST(Accumulators, AfterAHotSeriesManyOthersHaveRoom) {
  constexpr uint32_t kSeries = 10;
  constexpr uint32_t kCount = 50'000;
  Accumulators accumulators(true);
  add_latencies(accumulators, 0, 70'000);
  accumulators.clear();
  EXPECT_TRUE(accumulators.empty());
  EXPECT_EQ(accumulators.bytes(), 0U);

  for (uint32_t series = 0; series < kSeries; ++series) add_latencies(accumulators, series, kCount);
  ASSERT_EQ(accumulators.all().size(), kSeries);
  for (uint32_t series = 0; series < kSeries; ++series) {
    const auto values = accumulators.all()[series].values();
    ASSERT_EQ(values.size(), kCount);
    for (uint32_t i = 0; i < kCount; ++i) ASSERT_EQ(values[i], series * 1'000'000 + i);
  }
}

}  // namespace
}  // namespace tocsin
