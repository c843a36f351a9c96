// A backtest over files in which a label has too many values.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine/runtime/backtest.h"
#include "tests/unit/runtime/engine_fixture.h"
#include "tests/unit/temporary_directory.h"

namespace tocsin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kOverflowRules = R"(
groups:
- name: g
  interval: 1s
  rules:
  - {alert: Errors, expr: 'error_rate[10s] > 30%', by: [region]}
  - {alert: Slow, expr: 'p95{pod=~"p1.*"}[5s] > 80ms', by: [region]}
  - {alert: Pod, expr: 'count[10s] > 50', by: [region, pod]}
)";

class BacktestOverflow : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream file(path());
    for (int i = 0; i < 6'000; ++i) {
      const bool bad_time = i > 2'000 && i < 4'000;
      file << event_at(i * 10, fmt::format(R"(,"region":"{}","pod":"p{}","success":{},"latency_ms":{})", i % 2 == 0 ? "eu" : "us", i,
                                           i % 10 < (bad_time ? 5 : 1) ? "false" : "true", i % (bad_time ? 200 : 70)))
           << '\n';
    }
    file << event_at(-7'200'000) << "\nno event\n";
  }

  std::string path() const { return directory_.file("events.jsonl"); }
  std::unique_ptr<Backtest> run(int64_t max_series) {
    spdlog::set_level(spdlog::level::off);
    BacktestOptions options;
    options.events = {path()};
    options.max_series = max_series;
    Result<std::unique_ptr<Backtest>> backtest = Backtest::open(options, plan_of(kOverflowRules));
    TOCSIN_CHECK(backtest.ok(), backtest.status().message());
    while (true) {
      const Result<bool> more = (*backtest)->step();
      TOCSIN_CHECK(more.ok(), more.status().message());
      if (!*more) return std::move(*backtest);
    }
  }
  static std::vector<std::string> lines(Backtest& backtest, const std::string& without) {
    std::vector<std::string> lines;
    const std::vector<v1::AlertEvent> alerts = *backtest.alerts();
    for (const v1::AlertEvent& alert : alerts) {
      if (alert.rule() != without) lines.push_back(line_of(alert));
    }
    return lines;
  }

 private:
  const TemporaryDirectory directory_;
};

TEST_F(BacktestOverflow, AlertsOfRulesThatDoNotGroupByTheLabelAreTheSame) {
  const std::unique_ptr<Backtest> reference = run(1'000'000);
  const std::unique_ptr<Backtest> limited = run(100);
  EXPECT_THAT(reference->counters().overflow.labels, IsEmpty());
  EXPECT_THAT(limited->counters().overflow.labels, ElementsAre("pod"));
  EXPECT_EQ(lines(*limited, "Pod"), lines(*reference, "Pod"));
  EXPECT_GE(lines(*limited, "Pod").size(), 4U);
  // No pod has more than one event; all that overflowed together do.
  EXPECT_EQ(lines(*reference, "").size(), lines(*reference, "Pod").size());
  EXPECT_GT(lines(*limited, "").size(), lines(*limited, "Pod").size());
  EXPECT_EQ(limited->counters().events.overflowed, 5'900U);
  EXPECT_LT(limited->counters().memory_bytes, reference->counters().memory_bytes);
}

TEST_F(BacktestOverflow, TheSummaryCountsDroppedLateByRuleGroupAndDeadLettersByReason) {
  const BacktestCounters counters = run(1'000)->counters();
  EXPECT_THAT(counters.dropped_late, ElementsAre(Pair("g", 1U)));
  EXPECT_THAT(counters.dead_letters, ElementsAre(Pair("not a protobuf TelemetryBatch", 1U)));
}

}  // namespace
}  // namespace tocsin
