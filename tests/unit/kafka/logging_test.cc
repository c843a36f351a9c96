#include "engine/kafka/logging.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace tocsin::kafka {
namespace {

TEST(KafkaLog, LevelsFollowSyslog) {
  EXPECT_EQ(log_level(0, "X", ""), spdlog::level::critical);
  EXPECT_EQ(log_level(3, "X", ""), spdlog::level::err);
  EXPECT_EQ(log_level(4, "X", ""), spdlog::level::warn);
  EXPECT_EQ(log_level(5, "X", ""), spdlog::level::info);
  EXPECT_EQ(log_level(6, "X", ""), spdlog::level::info);
  EXPECT_EQ(log_level(7, "X", ""), spdlog::level::debug);
}

TEST(KafkaLog, APropertyOfTheOtherKindOfClientIsNoWarning) {
  EXPECT_EQ(log_level(4, "CONFWARN", "Configuration property linger.ms is a producer property and will be ignored by this consumer"),
            spdlog::level::debug);
  EXPECT_EQ(log_level(4, "CONFWARN", "Configuration property x is deprecated"), spdlog::level::warn);
}

TEST(KafkaLog, OtherLinesAreNeverHeldBack) {
  LogLimiter limiter;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limiter.admit(limiter_key("c", "ASSIGN", "x"), Duration{0}), 0);
}

TEST(KafkaLog, RepetitionsAreToldByClientAndBrokerNotByTheirTimes) {
  const auto key = [](std::string_view text) { return limiter_key("c#1", "FAIL", text); };
  const std::string one =
      key("[thrd:127.0.0.1:9/1]: 127.0.0.1:9/1: Connect to ipv4#127.0.0.1:9 failed: refused (after 0ms in state CONNECT)");
  EXPECT_EQ(one, key("[thrd:127.0.0.1:9/1]: 127.0.0.1:9/1: Connect to ipv4#127.0.0.1:9 failed: refused (after 7ms in state CONNECT, 30 "
                     "identical error(s) suppressed)"));
  EXPECT_NE(one, key("[thrd:127.0.0.1:9/2]: 127.0.0.1:9/2: Connect to ipv4#127.0.0.1:9 failed: refused (after 0ms in state CONNECT)"));
  EXPECT_NE(one, limiter_key("c#2", "FAIL", "[thrd:127.0.0.1:9/1]: 127.0.0.1:9/1: Connect to ipv4#127.0.0.1:9 failed"));
}

}  // namespace
}  // namespace tocsin::kafka
