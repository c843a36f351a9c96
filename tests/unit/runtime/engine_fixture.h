#pragma once

// Both workers over a MemoryLog and a MemoryStore, with a clock that stands still until it is moved. They can be killed at any point.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "engine/log/memory_log.h"
#include "engine/runtime/aggregate_worker.h"
#include "engine/runtime/evaluate_worker.h"
#include "operators/rules/rule.h"
#include "state/memory_store.h"
#include "tests/unit/operators/support.h"

namespace tocsin {

inline constexpr int64_t kBaseMs = 1'700'000'000'000;  // a multiple of 10 s

struct EngineOptions {
  int32_t inputs = 1;
  int32_t partials = 1;
  size_t poll_records_max = 4'096;
  std::optional<Duration> max_future_skew = std::nullopt;
  std::optional<Duration> idle_timeout = std::nullopt;
  SeriesLimits series = {};
  size_t flush_bytes = size_t{32} << 20;
  size_t transaction_bytes = EvaluateOptions().transaction_bytes;
  SharedLedger* ledger = nullptr;
};

// As in service: events from the future are refused, and partitions that stand still do not hold the others back.
inline EngineOptions with_wall_clock(int32_t inputs = 1) {
  EngineOptions options;
  options.inputs = inputs;
  options.max_future_skew = Duration{60'000};
  options.idle_timeout = Duration{1'000};
  return options;
}

class Engine {
 public:
  explicit Engine(std::shared_ptr<const Plan> plan, EngineOptions options = {})
      : plan_(std::move(plan)), options_(options), log({.clock = [this] { return WallTime{now_ms}; }}) {
    spdlog::set_level(spdlog::level::off);
    log.create_topic("in", {.partitions = options_.inputs});
    log.create_topic("partials", {.partitions = options_.partials});
    log.create_topic("changelog", {.partitions = options_.partials});
    log.create_topic("alerts", {});
    log.create_topic("dead-letters", {});
    reader = log.reader();
    start();
  }
  ~Engine() { crash(); }

  void start() {
    const Clock clock = [this] { return WallTime{now_ms}; };
    aggregate_producer_ = log.producer("aggregate");
    evaluate_producer_ = log.producer("evaluate");
    aggregate_committer_ = std::make_unique<Committer>(*aggregate_producer_, executor_, recorder_, clock);
    evaluate_committer_ = std::make_unique<Committer>(*evaluate_producer_, executor_, recorder_, clock);
    AggregateOptions aggregate_options;
    aggregate_options.worker = "w";
    aggregate_options.partials_topic = "partials";
    aggregate_options.dead_letters_topic = "dead-letters";
    aggregate_options.partials_partitions = static_cast<uint32_t>(options_.partials);
    aggregate_options.allowed_lateness = {20'000};
    aggregate_options.max_future_skew = options_.max_future_skew;
    aggregate_options.idle_timeout = options_.idle_timeout;
    aggregate_options.series = options_.series;
    aggregate_options.series.ledger = options_.ledger;
    aggregate_options.flush_bytes = options_.flush_bytes;
    aggregate = std::make_unique<AggregateWorker>(aggregate_options, plan_, *aggregate_committer_, clock);
    EvaluateOptions evaluate_options;
    evaluate_options.worker = "w";
    evaluate_options.changelog_topic = "changelog";
    evaluate_options.alerts = {"alerts", "", "tocsin/test", AlertFormat::kProtobuf};
    evaluate_options.partials_partitions = static_cast<uint32_t>(options_.partials);
    evaluate_options.ledger = options_.ledger;
    evaluate_options.transaction_bytes = options_.transaction_bytes;
    leases = std::make_unique<StoreLeases>(*store);
    evaluate = std::make_unique<EvaluateWorker>(evaluate_options, plan_, *leases, *reader, *evaluate_committer_, recorder_, clock);
    aggregate_consumer_ = consumer("aggregate", "in", *aggregate);
    evaluate_consumer_ = consumer("evaluate", "partials", *evaluate);
    aggregate->attach(*aggregate_consumer_);
    evaluate->attach(*evaluate_consumer_);
  }

  // As kill -9 does: nothing is closed. What the log and, if it is kept, the store hold is all that is left.
  void crash(bool lose_store = false) {
    aggregate_consumer_.reset();
    evaluate_consumer_.reset();
    aggregate.reset();
    evaluate.reset();
    aggregate_committer_.reset();
    evaluate_committer_.reset();
    if (lose_store) store = std::make_unique<state::MemoryStore>();
  }

  // Once more under other rules, as after a stop.
  void restart(std::shared_ptr<const Plan> plan) {
    crash();
    plan_ = std::move(plan);
    start();
  }

  void feed(int32_t partition, std::string message) {
    const auto offset = log.append({.topic = "in", .partition = partition, .key = "", .value = std::move(message), .headers = {}});
    TOCSIN_CHECK(offset.ok(), offset.status().message());
  }

  // One round of both workers, `elapsed` after the last.
  Status step(Duration elapsed = {100}) {
    now_ms += elapsed.ms;
    TOCSIN_RETURN_IF_ERROR(aggregate->step({0}));
    return evaluate->step({0});
  }
  void run(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      const Status status = step();
      ASSERT_TRUE(status.ok()) << status.message();
    }
  }
  // Until everything in the log has been read and committed, and the store has it.
  void drain() {
    for (int i = 0; i < 2'000; ++i) {
      const Status status = step();
      ASSERT_TRUE(status.ok()) << status.message();
      if (drained()) return run(1);
    }
    FAIL() << "the log is not drained after 2000 rounds";
  }

  // The alert log in the order of topic. Checks that sequences are without gap or repetition.
  std::vector<v1::AlertEvent> alerts() {
    std::vector<v1::AlertEvent> alerts;
    std::map<std::string, uint64_t> sequences;
    for (const log::LogEntry& entry : log.entries({"alerts", 0})) {
      v1::AlertEvent& alert = alerts.emplace_back();
      EXPECT_TRUE(alert.ParseFromString(*entry.value));
      EXPECT_EQ(alert.sequence(), ++sequences[alert.fingerprint()]) << alert.ShortDebugString();
    }
    return alerts;
  }

  int64_t now_ms = kBaseMs;

 private:
  std::shared_ptr<const Plan> plan_;
  EngineOptions options_;

 public:
  log::MemoryLog log;
  std::unique_ptr<state::Store> store = std::make_unique<state::MemoryStore>();
  std::unique_ptr<StoreLeases> leases;
  std::unique_ptr<log::PartitionReader> reader;
  std::unique_ptr<AggregateWorker> aggregate;
  std::unique_ptr<EvaluateWorker> evaluate;

 private:
  std::unique_ptr<log::GroupConsumer> consumer(const std::string& group, const std::string& topic, log::ConsumerListener& listener) {
    log::MemoryConsumerOptions consumer_options;
    consumer_options.group = group;
    consumer_options.instance_id = "w";  // static, so that a new one takes over at once
    consumer_options.topics = {topic};
    consumer_options.poll_records_max = options_.poll_records_max;
    return log.consumer(std::move(consumer_options), listener);
  }
  bool at_end(const std::string& group, const log::TopicPartition& partition) {
    const auto committed = log.committed(group, partition);
    const int64_t end = reader->bounds(partition)->second;
    return end == 0 || (committed && committed->offset >= end);
  }
  bool drained() {
    for (int32_t p = 0; p < options_.inputs; ++p) {
      if (!at_end("aggregate", {"in", p})) return false;
    }
    for (int32_t p = 0; p < options_.partials; ++p) {
      if (!at_end("evaluate", {"partials", p})) return false;
    }
    return evaluate->idle();
  }

  InlineExecutor executor_;
  FlightRecorder recorder_;
  std::unique_ptr<log::TransactionalProducer> aggregate_producer_;
  std::unique_ptr<log::TransactionalProducer> evaluate_producer_;
  std::unique_ptr<Committer> aggregate_committer_;
  std::unique_ptr<Committer> evaluate_committer_;
  std::unique_ptr<log::GroupConsumer> aggregate_consumer_;
  std::unique_ptr<log::GroupConsumer> evaluate_consumer_;
};

// An event as JSON, `at_ms` after kBaseMs; `more` is further members, each after a comma.
inline std::string event_at(int64_t at_ms, const std::string& more = "") {
  return fmt::format(R"({{"ts":{},"domain":"chat"{}}})", kBaseMs + at_ms, more);
}

// Everything of an alert event that is a function of the input log and the rules, on one line.
inline std::string line_of(const v1::AlertEvent& alert) {
  const std::map<std::string, std::string> labels(alert.labels().begin(), alert.labels().end());
  std::string text = fmt::format("{} {} #{} {} {} {} active {} starts {} ends {} value {}", alert.evaluated_at(), alert.id(),
                                 alert.sequence(), alert.rule(), alert.state(), alert.reason(), alert.active_at(), alert.starts_at(),
                                 alert.ends_at(), alert.has_value() ? fmt::format("{}", alert.value()) : "-");
  for (const auto& [name, value] : labels) text += fmt::format(" {}={}", name, value);
  const v1::Evidence& evidence = alert.evidence();
  return text + fmt::format(" {}/{} in {} to {}", evidence.errors(), evidence.count(), evidence.window_start(), evidence.window_end());
}

// Sorted, since the order of different instances depends on the batching.
inline std::vector<std::string> sorted_lines(const std::vector<v1::AlertEvent>& alerts) {
  std::vector<std::string> lines;
  lines.reserve(alerts.size());
  for (const v1::AlertEvent& alert : alerts) lines.push_back(line_of(alert));
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace tocsin
