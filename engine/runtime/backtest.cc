#include "engine/runtime/backtest.h"

#include <algorithm>
#include <tuple>

#include "engine/runtime/pipeline.h"

namespace tocsin {
namespace {

constexpr const char* kPartials = "partials";
constexpr const char* kChangelog = "changelog";
constexpr const char* kAlerts = "alerts";
constexpr const char* kDeadLetters = "dead-letters";
constexpr const char* kGroup = "evaluate";

log::TopicOptions keep(log::Retain retain) {
  log::TopicOptions options;
  options.retain = retain;
  return options;
}

}  // namespace

Backtest::Backtest() = default;
Backtest::~Backtest() = default;

Result<std::unique_ptr<Backtest>> Backtest::open(const BacktestOptions& options, const std::shared_ptr<const Plan>& plan) {
  std::unique_ptr<Backtest> self(new Backtest);
  log::MemoryLogOptions log_options;
  log_options.clock = system_now;
  self->log_ = std::make_unique<log::MemoryLog>(std::move(log_options));
  self->log_->create_topic(kPartials, keep(log::Retain::kUntilConsumed));
  self->log_->create_topic(kChangelog, keep(log::Retain::kNone));
  self->log_->create_topic(kAlerts, keep(log::Retain::kAll));
  self->log_->create_topic(kDeadLetters, keep(log::Retain::kNone));  // they are counted
  self->reader_ = self->log_->reader();
  self->aggregate_producer_ = self->log_->producer("aggregate");
  self->evaluate_producer_ = self->log_->producer("evaluate");
  self->aggregate_committer_ = std::make_unique<Committer>(*self->aggregate_producer_, self->executor_, self->recorder_, system_now);
  self->evaluate_committer_ = std::make_unique<Committer>(*self->evaluate_producer_, self->executor_, self->recorder_, system_now);

  AggregateOptions aggregate = aggregate_options(options.time);
  aggregate.worker = "backtest";
  aggregate.partials_topic = kPartials;
  aggregate.dead_letters_topic = kDeadLetters;
  aggregate.max_future_skew.reset();  // files have no wall clock (SPEC 1)
  aggregate.idle_timeout.reset();
  aggregate.format = Format::kAuto;
  const MemoryBudget memory = divide_memory(options.memory_bytes, 1, 1);
  // Groups are not bounded here: what a backtest says is to be exact for as long as the machine carries it.
  use_memory(memory, options.max_series, options.time.group_retention, nullptr, aggregate);
  self->aggregate_ = std::make_unique<AggregateWorker>(std::move(aggregate), plan, *self->aggregate_committer_, system_now);
  log::FileSourceOptions files;
  files.paths = options.events;
  Result<std::unique_ptr<log::FileSource>> source = log::FileSource::open(std::move(files), *self->aggregate_);
  if (!source.ok()) return source.status();
  self->files_ = std::move(*source);
  self->aggregate_->attach(*self->files_);

  EvaluateOptions evaluate;
  evaluate.worker = "backtest";
  evaluate.changelog_topic = kChangelog;
  evaluate.alerts.alerts = kAlerts;
  evaluate.alerts.source = "tocsin/backtest";
  evaluate.alerts.format = AlertFormat::kProtobuf;
  evaluate.until = options.until;
  evaluate.commit_interval = evaluate.catch_up_interval = {10};
  use_memory(memory, nullptr, evaluate);
  self->evaluate_ = std::make_unique<EvaluateWorker>(std::move(evaluate), plan, self->leases_, *self->reader_, *self->evaluate_committer_,
                                                     self->recorder_, system_now);
  log::MemoryConsumerOptions consumer;
  consumer.group = kGroup;
  consumer.topics = {kPartials};
  self->partials_ = self->log_->consumer(std::move(consumer), *self->evaluate_);
  self->evaluate_->attach(*self->partials_);
  return self;
}

Result<bool> Backtest::step() {
  if (!aggregate_->finished()) TOCSIN_RETURN_IF_ERROR(aggregate_->step(Duration{0}));
  TOCSIN_RETURN_IF_ERROR(evaluate_->step(Duration{0}));
  if (!aggregate_->finished()) return true;
  // Everything is in the log; stage 2 is through when it has committed up to the end of it.
  const auto bounds = reader_->bounds({kPartials, 0});
  if (!bounds.ok()) return bounds.status();
  const std::optional<log::CommittedOffset> committed = log_->committed(kGroup, {kPartials, 0});
  return !(evaluate_->idle() && committed && committed->offset >= bounds->second);
}

BacktestCounters Backtest::counters() {
  BacktestCounters counters;
  counters.input = aggregate_->counters();
  counters.events = aggregate_->events();
  counters.evaluation = evaluate_->evaluator_counters();
  counters.dropped_late = aggregate_->dropped_late_by_rule_group();
  counters.overflow = aggregate_->overflow();
  counters.memory_bytes = aggregate_->memory_bytes() + evaluate_->memory_bytes();
  counters.dead_letters.assign(aggregate_->dead_letter_reasons().begin(), aggregate_->dead_letter_reasons().end());
  std::stable_sort(counters.dead_letters.begin(), counters.dead_letters.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return counters;
}

Result<std::vector<v1::AlertEvent>> Backtest::alerts() {
  std::vector<v1::AlertEvent> alerts;
  for (const log::LogEntry& entry : log_->entries({kAlerts, 0})) {
    v1::AlertEvent& alert = alerts.emplace_back();
    if (!entry.value || !alert.ParseFromString(*entry.value)) return data_loss("an alert event cannot be read back");
  }
  std::sort(alerts.begin(), alerts.end(), [](const v1::AlertEvent& a, const v1::AlertEvent& b) {
    return std::tuple(a.evaluated_at(), a.fingerprint(), a.sequence()) < std::tuple(b.evaluated_at(), b.fingerprint(), b.sequence());
  });
  return alerts;
}

}  // namespace tocsin
