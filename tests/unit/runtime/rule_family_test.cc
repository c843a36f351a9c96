// Rules of one family give the alerts that each of them gives by itself.

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin {
namespace {

// One rule a line; `alone`: only that one.
std::string rules_with(const std::string& keys, const std::string& aggregate, const std::string& op, int count,
                       std::optional<int> alone = {}) {
  std::string text = "groups:\n- name: g\n  rules:\n";
  for (int i = 0; i < count; ++i) {
    if (alone && *alone != i) continue;
    // Timing may differ within a family.
    text += fmt::format(
        "  - {{alert: R{}, expr: '{} {} {}', by: [domain], interval: 500ms, for: {}ms, keep_firing_for: {}ms, cooldown: {}s{}}}\n", i,
        aggregate, op, i * 2 + 1, i % 3 * 500, i % 2 * 750, i % 4, keys);
  }
  return text;
}

// Some traffic of two domains that comes and goes, with failures and latencies that wander; the same for each seed.
void feed(Engine& engine, unsigned seed, int from, int to) {
  std::mt19937 random(seed + static_cast<unsigned>(from));
  for (int second = from; second < to; ++second) {
    for (const char* domain : {"a", "b"}) {
      const bool silent = domain[0] == 'b' && second % 20 >= 9;
      const auto events = silent ? 0U : static_cast<unsigned>(random() % 12);
      for (unsigned i = 0; i < events; ++i) {
        const int64_t ms = second * 1'000 + static_cast<int64_t>(random() % 1'000);
        engine.feed(0, fmt::format(R"({{"ts":{},"domain":"{}","success":{},"latency_ms":{}}})", kBaseMs + ms, domain, random() % 3 != 0,
                                   random() % 20));
      }
    }
  }
}

std::vector<std::string> alert_lines(const std::string& rules, bool restart) {
  Engine engine(plan_of(rules), EngineOptions());
  feed(engine, 1, 0, 40);
  engine.drain();
  if (restart) {
    engine.crash();
    engine.start();
  }
  feed(engine, 1, 40, 80);
  engine.drain();
  return sorted_lines(engine.alerts());
}

struct Case {
  const char* aggregate;
  const char* op;
  const char* keys;
};

class Families : public testing::TestWithParam<Case> {};

TEST_P(Families, GiveTheAlertsThatEachRuleGivesAlone) {
  constexpr int kFamilyRules = 9;
  const Case& c = GetParam();
  std::vector<std::string> alone;
  for (int i = 0; i < kFamilyRules; ++i) {
    for (std::string& line : alert_lines(rules_with(c.keys, c.aggregate, c.op, kFamilyRules, i), false)) alone.push_back(std::move(line));
  }
  std::sort(alone.begin(), alone.end());
  ASSERT_GT(alone.size(), 20U);
  EXPECT_EQ(alert_lines(rules_with(c.keys, c.aggregate, c.op, kFamilyRules), false), alone);
  EXPECT_EQ(alert_lines(rules_with(c.keys, c.aggregate, c.op, kFamilyRules), true), alone);
}

INSTANTIATE_TEST_SUITE_P(OfAllKinds, Families,
                         testing::Values(Case{"count[5s]", ">", ""}, Case{"errors[5s]", ">=", ", min_events: 4"}, Case{"rate[3s]", "<", ""},
                                         Case{"avg[3s]", ">", ", no_data: keep"}, Case{"p90[3s]", ">", ", no_data: alert"},
                                         Case{"max[3s]", "<=", ", group_retention: 6s"},
                                         Case{"p50[2s]", ">=", ", no_data: keep, min_events: 3"}));

}  // namespace
}  // namespace tocsin
