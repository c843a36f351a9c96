// What stage 1 does when labels have too many values (docs/adr/0008): totals stay right, and it ends again.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "operators/aggregator.h"
#include "operators/rows_codec.h"
#include "tests/unit/operators/support.h"

namespace tocsin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kBaseMs = 1'700'000'000'000;
constexpr Duration kIdle{3'600'000};

struct Counts {
  uint64_t count = 0;
  uint64_t errors = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};

class Stage1 {
 public:
  explicit Stage1(std::shared_ptr<const Plan> plan, SeriesLimits limits = {.max_series = 100, .idle = kIdle})
      : plan_(std::move(plan)), aggregator_(plan_, {Duration{1'000}, limits}), batch_(plan_->fields.size()) {}

  void add(const std::map<std::string, std::string>& fields, int64_t at_ms = 0, bool success = true) {
    batch_.clear();
    Event event;
    event.time = {kBaseMs + at_ms};
    event.success = success;
    batch_.append(event);
    for (const auto& [name, value] : fields) {
      if (const int slot = plan_->fields.find(name); slot >= 0) batch_.slot(0, slot) = value;
    }
    aggregator_.add(batch_, clock_, {});
  }

  // Adds up what has been counted since the last call, by view ("{matchers} by (labels)") and group ("a/b").
  void flush() {
    const std::vector<std::vector<v1::ViewRows>> taken = aggregator_.take(1);
    for (const v1::ViewRows& rows : taken[0]) {
      const View& view = plan_->views[static_cast<size_t>(plan_->find_view(rows.view()))];
      const std::vector<uint64_t> predicates(rows.predicates().begin(), rows.predicates().end());
      auto reader =
          RowsReader::open(rows.rows(), {true, true, rows.rows().sketch_size() > 0, predicates.size()}, {}, {}, predicates, predicates);
      ASSERT_TRUE(reader.ok()) << reader.status().message();
      Partial partial;
      while (reader->next()) {
        ASSERT_TRUE(reader->read(reader->pane() * rows.pane_ms(), partial).ok());
        std::vector<std::string> labels;
        for (size_t i = 0; i < view.by.size(); ++i) labels.push_back(rows.labels(static_cast<int>(reader->group() * view.by.size() + i)));
        Counts& counts = counts_[view.description][fmt::format("{}", fmt::join(labels, "/"))];
        counts.count += partial.total.count;
        counts.errors += partial.total.errors;
        if (!partial.total.predicates.empty()) predicate_ += partial.total.predicates[0];
      }
    }
  }

  const std::map<std::string, Counts>& counts(const std::string& view) { return counts_[view]; }
  Counts total(const std::string& view) {
    Counts sum;
    for (const auto& [group, counts] : counts_[view]) {
      sum.count += counts.count;
      sum.errors += counts.errors;
    }
    return sum;
  }
  // What the first predicates of all views were true of.
  uint64_t predicate() const { return predicate_; }
  Aggregator& aggregator() { return aggregator_; }

 private:
  std::shared_ptr<const Plan> plan_;
  Aggregator aggregator_;
  EventBatch batch_;
  PartitionClock clock_{Duration{500}};
  std::map<std::string, std::map<std::string, Counts>> counts_;
  uint64_t predicate_ = 0;
};

std::shared_ptr<const Plan> plan_by(const std::vector<std::pair<std::string, std::string>>& exprs_and_by) {
  std::vector<std::vector<std::string>> rules;
  rules.reserve(exprs_and_by.size());
  for (const auto& [expr, by] : exprs_and_by) rules.push_back({"expr: '" + expr + "'", "by: [" + by + "]"});
  return plan_of(rules_text(rules));
}

TEST(Overflow, RulesThatDoNotGroupByTheLabelSeeExactCounts) {
  Stage1 stage(plan_by({{"count[1m] > 0", ""}, {"count[1m] > 0", "region"}, {"count[1m] > 0", "region, pod"}}));
  std::map<std::string, Counts> by_region;
  for (int i = 0; i < 1'000; ++i) {
    const std::string region = i % 3 == 0 ? "eu" : "us";
    const bool success = i % 7 != 0;
    stage.add({{"region", region}, {"pod", "p" + std::to_string(i)}}, 0, success);
    ++by_region[region].count;
    by_region[region].errors += success ? 0 : 1;
  }
  EXPECT_THAT(stage.aggregator().overflow().labels, ElementsAre("pod"));
  stage.flush();
  EXPECT_EQ(stage.counts("{} by (region)"), by_region);
  EXPECT_EQ(stage.total("{} by ()"), (Counts{1'000, 143}));
  // 100 pods have a group of their own, the others are in that of their region.
  EXPECT_EQ(stage.total("{} by (pod, region)"), (Counts{1'000, 143}));
  EXPECT_EQ(stage.counts("{} by (pod, region)").size(), 102U);
  EXPECT_EQ(
      stage.counts("{} by (pod, region)").at("__overflow__/eu").count + stage.counts("{} by (pod, region)").at("__overflow__/us").count,
      900U);
  EXPECT_EQ(stage.aggregator().counters().overflowed, 900U);
}

TEST(Overflow, MatchersSeeTheTrueValue) {
  Stage1 stage(plan_by(
      {{"count{pod=\"p900\"}[1m] > 0", "region"}, {"count{pod=~\"p9..\"}[1m] > 0", "pod"}, {"share({pod!=\"p900\"})[1m] > 1%", ""}}));
  for (int i = 0; i < 1'000; ++i) stage.add({{"region", "eu"}, {"pod", "p" + std::to_string(i)}});
  for (int i = 0; i < 1'000; ++i) stage.add({{"region", "us"}, {"pod", "q" + std::to_string(i)}});
  stage.flush();
  EXPECT_EQ(stage.counts("{pod=\"p900\"} by (region)"), (std::map<std::string, Counts>{{"eu", {1, 0}}}));
  EXPECT_EQ(stage.total("{pod=~\"p9..\"} by (pod)").count, 100U);
  EXPECT_EQ(stage.predicate(), 1'999U);
}

TEST(Overflow, ALabelThatOnlyMatchersLookAtNeverOverflows) {
  Stage1 stage(plan_by({{"count{session_id=~\"s.*7\"}[1m] > 0", "region"}, {"count[1m] > 0", ""}}));
  for (int i = 0; i < 50'000; ++i) stage.add({{"region", "eu"}, {"session_id", "s" + std::to_string(i)}});
  EXPECT_LE(stage.aggregator().series_count(), 3U);
  EXPECT_THAT(stage.aggregator().overflow().labels, IsEmpty());
  stage.flush();
  EXPECT_EQ(stage.total("{session_id=~\"s.*7\"} by (region)").count, 5'000U);
}

TEST(Overflow, ALabelCountsOnlyWhereARuleGroupsByIt) {
  Stage1 stage(plan_by({{"count{domain=\"chat\"}[1m] > 0", "pod"}, {"count[1m] > 0", "domain"}}));
  for (int i = 0; i < 1'000; ++i) stage.add({{"domain", "wallet"}, {"pod", "p" + std::to_string(i)}});
  EXPECT_EQ(stage.aggregator().series_count(), 1U);
}

TEST(Overflow, FailuresOfAGroupStayWithItsSuccesses) {
  Stage1 stage(plan_by({{"error_rate[1m] > 50%", "pod"}}));
  for (int i = 0; i < 500; ++i) stage.add({{"pod", "p" + std::to_string(i)}});
  for (int i = 0; i < 500; ++i) stage.add({{"pod", "p" + std::to_string(i)}}, 0, false);
  stage.flush();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(stage.counts("{} by (pod)").at("p" + std::to_string(i)), (Counts{2, 1})) << i;
  EXPECT_EQ(stage.counts("{} by (pod)").at("__overflow__"), (Counts{800, 400}));
}

TEST(Overflow, IfOneLabelIsNotEnoughTheNextFollowsAndDomainComesLast) {
  Stage1 stage(plan_by({{"count[1m] > 0", "domain, actor_id, pod"}, {"count[1m] > 0", "domain"}}));
  for (int i = 0; i < 5'000; ++i) {
    stage.add({{"domain", i % 2 == 0 ? "chat" : "wallet"}, {"actor_id", "a" + std::to_string(i)}, {"pod", "p" + std::to_string(i / 2)}});
  }
  EXPECT_THAT(stage.aggregator().overflow().labels, ElementsAre("actor_id", "pod"));
  EXPECT_LE(stage.aggregator().series_count(), 125U);
  stage.flush();
  EXPECT_EQ(stage.counts("{} by (domain)"), (std::map<std::string, Counts>{{"chat", {2'500, 0}}, {"wallet", {2'500, 0}}}));
  EXPECT_GT(stage.counts("{} by (actor_id, domain, pod)").at("__overflow__/chat/__overflow__").count, 2'000U);
}

TEST(Overflow, DomainItselfIsGivenUpWhenNothingElseIsLeft) {
  Stage1 stage(plan_by({{"count[1m] > 0", "domain"}, {"count[1m] > 0", ""}}));
  for (int i = 0; i < 1'000; ++i) stage.add({{"domain", "d" + std::to_string(i)}});
  EXPECT_THAT(stage.aggregator().overflow().labels, ElementsAre("domain"));
  stage.flush();
  EXPECT_EQ(stage.counts("{} by (domain)").at("__overflow__").count, 900U);
  EXPECT_EQ(stage.total("{} by ()").count, 1'000U);
}

TEST(Overflow, LongValuesOverflowByTheirBytes) {
  constexpr size_t kBytes = 200'000;
  Stage1 stage(plan_by({{"count[1m] > 0", "pod"}}), {.max_series = 1'000'000, .bytes = kBytes, .cache_bytes = 100'000, .idle = kIdle});
  for (int i = 0; i < 3'000; ++i) stage.add({{"pod", std::to_string(i) + std::string(1'000, 'x')}});
  EXPECT_THAT(stage.aggregator().overflow().labels, ElementsAre("pod"));
  EXPECT_LT(stage.aggregator().memory_bytes(), 3'000U * 1'000U / 2);
  stage.flush();
  EXPECT_EQ(stage.total("{} by (pod)").count, 3'000U);
}

TEST(Overflow, EndsWhenIdleSeriesHaveBeenForgotten) {
  Stage1 stage(plan_by({{"count[1m] > 0", "pod"}}));
  for (int i = 0; i < 500; ++i) stage.add({{"pod", "p" + std::to_string(i)}});
  stage.flush();
  EXPECT_THAT(stage.aggregator().overflow().labels, ElementsAre("pod"));
  // One pod goes on, and a new one comes: it has to wait.
  for (int64_t at = 0; at <= kIdle.ms; at += 60'000) {
    stage.add({{"pod", "p7"}}, at);
    stage.flush();
  }
  stage.add({{"pod", "new"}}, kIdle.ms);
  stage.flush();
  EXPECT_FALSE(stage.counts("{} by (pod)").contains("new"));
  stage.add({{"pod", "p7"}}, 2 * kIdle.ms);
  stage.flush();
  EXPECT_THAT(stage.aggregator().overflow().labels, IsEmpty());
  EXPECT_EQ(stage.aggregator().overflow().series, 0U);
  EXPECT_EQ(stage.aggregator().series_count(), 1U);
  stage.add({{"pod", "new"}}, 2 * kIdle.ms);
  stage.add({{"pod", "p7"}}, 2 * kIdle.ms);
  stage.flush();
  EXPECT_EQ(stage.counts("{} by (pod)").at("new").count, 1U);
  EXPECT_EQ(stage.counts("{} by (pod)").at("p7").count, 1U + 61U + 2U);
}

// What stage 2 knows of, in a process that has stage 1 alone.
class Ledger : public GroupLedger {
 public:
  explicit Ledger(size_t limit) : limit_(limit) {}
  size_t used() const override { return used_; }
  size_t limit() const override { return limit_; }
  bool holds(uint64_t group) const override { return groups_.contains(group); }
  void hold(uint64_t group, size_t bytes) override {
    Entry& entry = groups_[group];
    if (entry.holders++ == 0) used_ += entry.bytes = bytes;
  }
  void drop(uint64_t group) override {
    const auto found = groups_.find(group);
    ASSERT_NE(found, groups_.end());
    if (--found->second.holders > 0) return;
    used_ -= found->second.bytes;
    groups_.erase(found);
  }

 private:
  struct Entry {
    size_t bytes = 0;
    int holders = 0;
  };
  size_t limit_;
  size_t used_ = 0;
  std::map<uint64_t, Entry> groups_;
};

TEST(Overflow, OfGroupsInStageTwoEndsWhenIdleOnesHaveBeenForgotten) {
  Ledger ledger(200'000);
  {
    Stage1 stage(plan_by({{"count[1m] > 0", "pod"}}), {.idle = kIdle, .ledger = &ledger, .overflow_group_bytes = 20'000});
    for (int i = 0; i < 10'000; ++i) stage.add({{"pod", "p" + std::to_string(i)}});
    stage.flush();
    EXPECT_THAT(stage.aggregator().overflow().labels, ElementsAre("pod"));
    EXPECT_GT(ledger.used(), 190'000U);
    stage.add({{"pod", "p7"}}, 2 * kIdle.ms);
    stage.flush();
    EXPECT_THAT(stage.aggregator().overflow().labels, IsEmpty());
    EXPECT_LT(ledger.used(), 10'000U);
    stage.add({{"pod", "new"}}, 2 * kIdle.ms);
    stage.flush();
    EXPECT_EQ(stage.counts("{} by (pod)").at("new").count, 1U);
  }
  EXPECT_EQ(ledger.used(), 0U);
}

TEST(Overflow, SlowChurnOfALabelNeverOverflows) {
  Stage1 stage(plan_by({{"count[1m] > 0", "pod"}}));
  // Ten pods at a time, each for a quarter of the idle time: some fifty are remembered.
  for (int64_t i = 0; i < 12'000; ++i) {
    stage.add({{"pod", fmt::format("p{}-{}", i % 10, i / 400)}}, i * kIdle.ms / 1'600);
    stage.flush();
    ASSERT_THAT(stage.aggregator().overflow().labels, IsEmpty()) << i;
  }
  EXPECT_EQ(stage.counts("{} by (pod)").size(), 300U);
}

TEST(Overflow, TheSameEventsAndFlushesGiveTheSameRows) {
  const auto rows = [] {
    Stage1 stage(plan_by({{"count[1m] > 0", "domain, pod"}, {"p99[1m] > 1", "region"}}));
    std::string all;
    for (int i = 0; i < 2'000; ++i) {
      stage.add(
          {{"domain", "d" + std::to_string(i % 5)}, {"region", "r" + std::to_string(i % 40)}, {"pod", "p" + std::to_string(i * 7 % 900)}},
          i * 1'000);
      if (i % 100 != 99) continue;
      const std::vector<std::vector<v1::ViewRows>> taken = stage.aggregator().take(1);
      for (const v1::ViewRows& view : taken[0]) all += view.SerializeAsString();
    }
    return all;
  };
  EXPECT_EQ(rows(), rows());
}

TEST(Overflow, AnEmptiedLookUpChangesNoRow) {
  const auto counts = [](size_t cache_bytes) {
    Stage1 stage(plan_by({{"count[1m] > 0", "pod"}}), {.max_series = 100'000, .cache_bytes = cache_bytes, .idle = kIdle});
    for (int i = 0; i < 20'000; ++i) stage.add({{"pod", "p" + std::to_string(i % 5'000)}});
    stage.flush();
    return stage.counts("{} by (pod)");
  };
  EXPECT_EQ(counts(100'000), counts(size_t{64} << 20));
}

TEST(Aggregator, OpenBytesCountTheRowsThatWillBeMade) {
  Stage1 one(plan_by({{"count[1m] > 0", "pod"}}));
  Stage1 three(plan_by({{"count[1m] > 0", "pod"}, {"count{pod!=\"\"}[1m] > 0", "pod"}, {"count[1m] > 0", ""}}));
  for (int i = 0; i < 50; ++i) {
    one.add({{"pod", std::to_string(i)}});
    three.add({{"pod", std::to_string(i)}});
  }
  EXPECT_GE(three.aggregator().bytes(), one.aggregator().bytes() + 2U * 50U * 200U);
  three.flush();
  EXPECT_EQ(three.aggregator().bytes(), 0U);
}

// Their labels would make those of requests overflow.
TEST(Aggregator, WhatNoAggregateCountsTakesNoSeries) {
  const std::shared_ptr<const Plan> by_region = plan_of(rules_text({{"expr: 'count[5m] > 1'", "by: [region]"}}));
  Aggregator aggregator(by_region, {Duration{1'000}, {.max_series = 100, .idle = kIdle}});
  PartitionClock clock;
  EventBatch batch(by_region->fields.size());
  for (int i = 0; i < 1'000; ++i) {
    batch.clear();
    Event event;
    event.time = {kBaseMs};
    event.measurement = i % 2 == 0;
    event.refused = i % 2 != 0;
    batch.append(event);
    batch.slot(0, by_region->fields.find("region")) = batch.keep(std::to_string(i));
    aggregator.add(batch, clock, {});
  }
  EXPECT_EQ(aggregator.series_count(), 0U);
  EXPECT_THAT(aggregator.overflow().labels, IsEmpty());
  EXPECT_EQ(clock.largest_event(), EventTime{kBaseMs});  // measurements do move the watermark
}

TEST(Aggregator, DroppedLateIsCountedOnceForEachRuleGroupThatSelectsTheEvent) {
  const std::shared_ptr<const Plan> plan = plan_of(R"(
groups:
- name: chat
  rules:
  - {alert: A, expr: 'count{domain="chat"}[1m] > 1'}
  - {alert: B, expr: 'error_rate{domain="chat"}[5m] > 1%', by: [region]}
- name: all
  rules:
  - {alert: C, expr: 'count[1m] > 1'}
- name: wallet
  rules:
  - {alert: D, expr: 'count[1m] > 1', resolve: 'count{domain="wallet"}[1m] < 1', by: [pod]}
  - {alert: E, expr: 'count{domain="wallet"}[1m] > 1'}
)");
  Stage1 stage(plan);
  stage.add({{"domain", "chat"}}, 100'000);
  for (int i = 0; i < 3; ++i) stage.add({{"domain", "chat"}, {"pod", std::to_string(i)}}, 0);
  stage.add({{"domain", "panic"}}, 0);
  stage.add({{"domain", "chat"}}, 99'000);  // late, not too late
  EXPECT_EQ(stage.aggregator().counters().dropped_late, 4U);
  EXPECT_THAT(stage.aggregator().rule_groups(), ElementsAre("chat", "all", "wallet"));
  EXPECT_THAT(stage.aggregator().dropped_late_by_rule_group(), ElementsAre(3U, 4U, 4U));
}

}  // namespace
}  // namespace tocsin
