#pragma once

// The engine over files, at full speed and without a broker (SPEC 6, `tocsin backtest`): the same workers as `run`, over an in-process log.
//
// Thread:  one; everything happens in step().
// Failure: of files and rules; a worker's failure ends it.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/config/config.h"
#include "engine/log/file_source.h"
#include "engine/log/memory_log.h"
#include "engine/runtime/aggregate_worker.h"
#include "engine/runtime/evaluate_worker.h"
#include "operators/plan.h"
#include "state/memory_store.h"
#include "tocsin/v1/alert.pb.h"

namespace tocsin {

struct BacktestOptions {
  std::vector<std::string> events;  // files, each one input partition
  config::TimeConfig time;
  std::optional<EventTime> until;
  // As of `run` with its defaults; a backtest has one worker of each kind.
  size_t memory_bytes = size_t{2} << 30;
  int64_t max_series = 1'000'000;
};

struct BacktestCounters {
  AggregateCounters input;
  AggregatorCounters events;
  EvaluatorCounters evaluation;
  std::vector<std::pair<std::string, uint64_t>> dead_letters;  // by reason, most frequent first
  std::vector<std::pair<std::string, uint64_t>> dropped_late;  // by rule group
  OverflowStatus overflow;
  size_t memory_bytes = 0;  // of both stages, by their own account, as it stands
};

class Backtest {
 public:
  static Result<std::unique_ptr<Backtest>> open(const BacktestOptions& options, const std::shared_ptr<const Plan>& plan);
  ~Backtest();

  // One round of both stages. False when all is done.
  Result<bool> step();

  log::FileProgress progress() const { return files_->progress(); }
  BacktestCounters counters();
  const AggregatorCounters& events() const { return aggregate_->events(); }
  // All alert events so far, ordered by evaluated_at, then fingerprint, then sequence.
  Result<std::vector<v1::AlertEvent>> alerts();

 private:
  Backtest();

  std::unique_ptr<log::MemoryLog> log_;
  state::MemoryStore store_;
  StoreLeases leases_{store_};
  InlineExecutor executor_;
  FlightRecorder recorder_;
  std::unique_ptr<log::PartitionReader> reader_;
  std::unique_ptr<log::TransactionalProducer> aggregate_producer_;
  std::unique_ptr<log::TransactionalProducer> evaluate_producer_;
  std::unique_ptr<Committer> aggregate_committer_;
  std::unique_ptr<Committer> evaluate_committer_;
  std::unique_ptr<AggregateWorker> aggregate_;
  std::unique_ptr<EvaluateWorker> evaluate_;
  std::unique_ptr<log::FileSource> files_;
  std::unique_ptr<log::GroupConsumer> partials_;
};

}  // namespace tocsin
