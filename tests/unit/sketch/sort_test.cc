#include "operators/sketch/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tocsin {
namespace {

template <typename T, typename Draw>
void expect_sorted_like_std(Draw draw) {
  for (const size_t size : {0U, 1U, 2U, 3U, 15U, 16U, 17U, 64U, 255U, 1000U, 4097U, 100'000U}) {
    std::vector<T> values(size);
    for (T& value : values) value = draw();
    std::vector<T> expected = values;
    std::sort(expected.begin(), expected.end());
    sort_ascending(std::span<T>(values));
    ASSERT_EQ(values, expected) << "of size " << size;
  }
}

TEST(Sort, GivesWhatStdSortGives) {
  std::mt19937_64 random(1);
  expect_sorted_like_std<uint32_t>([&] { return static_cast<uint32_t>(random()); });
  expect_sorted_like_std<uint32_t>([&] { return static_cast<uint32_t>(random() % 7); });
  expect_sorted_like_std<uint64_t>([&] { return random(); });
  expect_sorted_like_std<double>([&] { return std::normal_distribution<double>(0, 1e9)(random); });
}

}  // namespace
}  // namespace tocsin
