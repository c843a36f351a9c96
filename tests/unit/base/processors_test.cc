#include "engine/base/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <fstream>
#include <thread>

#include "tests/unit/temporary_directory.h"

namespace tocsin {
namespace {

class Cgroups : public testing::Test {
 protected:
  Cgroups() { std::filesystem::create_directories(root_.path() / "outer/inner"); }

  void limit(const std::string& group, const std::string& text) { std::ofstream(root_.path() / group / "cpu.max") << text << '\n'; }
  int quota(const char* membership) { return quota_of_cgroup(membership, root_.path()); }

  TemporaryDirectory root_;
};

TEST_F(Cgroups, WithoutALimitThereIsNone) {
  EXPECT_EQ(quota("0::/outer/inner\n"), 0);
  limit("outer/inner", "max 100000");
  EXPECT_EQ(quota("0::/outer/inner\n"), 0);
  EXPECT_EQ(quota(""), 0);
  EXPECT_EQ(quota("4:cpu,cpuacct:/outer\n"), 0);
  EXPECT_EQ(quota("0::/gone\n"), 0);
}

TEST_F(Cgroups, TheLeastQuotaOnTheWayCountsRoundedUp) {
  limit("outer/inner", "350000 100000");
  EXPECT_EQ(quota("0::/outer/inner\n"), 4);
  EXPECT_EQ(quota("2:memory:/x\n0::/outer/inner\n1:y:/z\n"), 4);
  limit("outer", "200000 100000");
  EXPECT_EQ(quota("0::/outer/inner\n"), 2);
  limit("", "5000 100000");
  EXPECT_EQ(quota("0::/outer/inner\n"), 1);
  EXPECT_EQ(quota("0::/\n"), 1);
}

TEST_F(Cgroups, WhatIsNoQuotaIsNoLimit) {
  for (const char* text : {"", "nonsense", "0 0", "-1 100000", "100000"}) {
    limit("outer", text);
    EXPECT_EQ(quota("0::/outer\n"), 0) << text;
  }
}

TEST(Processors, AreThoseThatTheProcessMayRunOn) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  const int all = available_processors();
  EXPECT_GE(all, 1);
  EXPECT_LE(all, CPU_COUNT(&before));
  size_t first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  int narrowed = 0;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    if (sched_setaffinity(0, sizeof(one), &one) == 0) narrowed = available_processors();
  }).join();
  EXPECT_EQ(narrowed, 1);
}

}  // namespace
}  // namespace tocsin
