#include "operators/sketch/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tocsin {
namespace {

template <typename Draw>
void expect_sorted_like_std(Draw draw) {
  for (const size_t size : {0U, 1U, 2U, 3U, 15U, 16U, 17U, 64U, 255U, 799U, 800U, 1000U, 4097U, 100'000U}) {
    std::vector<uint32_t> values(size);
    for (uint32_t& value : values) value = draw();
    std::vector<uint32_t> expected = values;
    std::sort(expected.begin(), expected.end());
    sort_ascending(std::span<uint32_t>(values));
    ASSERT_EQ(values, expected) << "of size " << size;
  }
}

TEST(Sort, GivesWhatStdSortGives) {
  std::mt19937_64 random(1);
  for (const uint64_t below : {uint64_t{7}, uint64_t{1} << 11, uint64_t{1} << 22, uint64_t{1} << 32}) {
    expect_sorted_like_std([&] { return static_cast<uint32_t>(random() % below); });
  }
  // All of one middle or high digit.
  expect_sorted_like_std([&] { return static_cast<uint32_t>(0xabc'00'000 | (random() % 2'048)); });
  expect_sorted_like_std([&] { return static_cast<uint32_t>((random() % 1'024) << 22); });
}

}  // namespace
}  // namespace tocsin
