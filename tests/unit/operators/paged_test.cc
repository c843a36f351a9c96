#include "operators/paged.h"

#include <gtest/gtest.h>

#include <string>

namespace tocsin {
namespace {

TEST(Paged, ValuesAreThereUntilTheyAreForgotten) {
  Paged<std::string> values;
  EXPECT_EQ(values.find(5), nullptr);
  values.at(5) = "five";
  values.at(6) = "six";
  const std::string* five = values.find(5);
  for (uint64_t id = 1'000; id < 2'000; ++id) values.at(id) = "more";
  EXPECT_EQ(values.find(5), five);
  EXPECT_EQ(*five, "five");
  values.forget(5);
  EXPECT_EQ(*values.find(5), "");
  EXPECT_EQ(*values.find(6), "six");
  values.forget(6);
  EXPECT_EQ(values.find(6), nullptr);
  EXPECT_EQ(*values.find(1'999), "more");
}

TEST(Paged, MemoryFollowsTheValuesInUseNotAllThatEverWere) {
  Paged<std::string> values;
  for (uint64_t id = 0; id < 100'000; ++id) {
    values.at(id) = "text";
    if (id >= 100) values.forget(id - 100);
  }
  EXPECT_LE(values.capacity(), 300U);
  values.forget(1'000'000);  // never was
  EXPECT_LT(values.bytes(), 50'000U);
}

}  // namespace
}  // namespace tocsin
