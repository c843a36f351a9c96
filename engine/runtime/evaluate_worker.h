#pragma once

// Stage 2 at run time: one worker that owns some partials partitions, each with an Evaluator (DESIGN 5).
//
//   step(): poll ─► apply frames ─► advance ticks ─► commit, if it is due and no transaction is in flight:
//           alerts + changelog + offsets in one transaction, and when that is committed: one WriteBatch to the store
//
//   on_assigned: changelog ─► store ─► Evaluator::restore ─► partials again from the rewind offset
//
// Thread:     one; the transaction runs on the committer's executor meanwhile.
// Invariants: (1) the store is written after the commit, with the changelog position in the same batch: it is never ahead of the log;
//             (2) a partition that has moved on is not written any more (store_lease.h);
//             (3) the position row equals the group's committed offset, or the partition is refused: at once if it is behind, if it is
//                 ahead when the offset is still the same at a second look.
// Failure:    kAborted and kUnavailable of a transaction are healed here (state is read again); everything else ends the worker, also
//             kUnavailable of the store when it is to take what was committed. A restore that fails so is tried again.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/log/log.h"
#include "engine/runtime/alert_records.h"
#include "engine/runtime/committer.h"
#include "engine/runtime/flight_recorder.h"
#include "engine/runtime/restore.h"
#include "engine/runtime/shared_ledger.h"
#include "engine/runtime/store_lease.h"
#include "engine/runtime/worker_metrics.h"
#include "operators/evaluator.h"
#include "operators/plan.h"

namespace tocsin {

struct EvaluateOptions {
  std::string worker;  // for messages
  std::string changelog_topic;
  AlertTopics alerts;
  uint32_t partials_partitions = 1;
  Duration commit_interval{100};
  Duration catch_up_interval{500};             // at least this instead, while evaluation is far behind the wall clock
  size_t transaction_bytes = size_t{4} << 20;  // of state changes; ticks are cut into several transactions beyond it
  // Beyond it input waits for whatever can go on without it: ticks left over, a transaction in flight.
  size_t memory_bytes = size_t{512} << 20;
  Duration commit_patience{200};  // so long it waits in place; then its partitions are paused
  RestoreOptions restore;
  Duration flush_interval{10'000};  // between flushes of the store's memory to disk: bounds what a restart reads of the changelog
  std::optional<EventTime> until;
  SharedLedger* ledger = nullptr;  // where groups are told to stage 1; may be null
};

struct EvaluateCounters {
  uint64_t commits = 0;
  uint64_t rewinds = 0;
  uint64_t alerts = 0;
  uint64_t restores = 0;
  int64_t changelog_records_read = 0;
  uint64_t pauses = 0;  // times that input was paused because memory was used up
};

class EvaluateWorker final : public log::ConsumerListener {
 public:
  EvaluateWorker(EvaluateOptions options, std::shared_ptr<const Plan> plan, StoreLeases& leases, log::PartitionReader& reader,
                 Committer& committer, FlightRecorder& recorder, Clock clock);
  ~EvaluateWorker() override;

  void attach(log::GroupConsumer& consumer) { consumer_ = &consumer; }

  Status step(Duration timeout);
  // All that was read is evaluated and committed.
  bool idle() const;
  Status close();

  const EvaluateCounters& counters() const { return counters_; }
  // Over the partitions owned: the least tick evaluated, and the number of groups.
  std::optional<EventTime> evaluated() const;
  std::optional<EventTime> watermark() const;
  size_t group_count() const;
  // Memory of the evaluators, by their own account, and the worker's share of the process'.
  const Evaluator::Memory& memory() const { return memory_; }
  size_t memory_bytes() const { return memory_.total(); }
  size_t memory_budget_bytes() const { return options_.memory_bytes; }

  // Of all partitions that were ever owned.
  EvaluatorCounters evaluator_counters() const;
  // Of now, for others to see.
  WorkerMetrics metrics();

  // log::ConsumerListener
  Result<std::vector<log::StartPosition>> on_assigned(const std::vector<log::Assignment>& partitions) override;
  void on_revoked(const std::vector<int32_t>& sources) override;
  void on_lost(const std::vector<int32_t>& sources) override;
  void on_range_lost(int32_t source, int64_t from, int64_t to) override;
  void on_end(int32_t source, int64_t end, WallTime asked_at) override;
  void on_finished(int32_t) override {}

 private:
  struct Task {
    StoreLease lease;
    std::unique_ptr<Evaluator> evaluator;
    bool consumed = false;       // records since the last commit
    bool more = false;           // ticks left over by the transaction's bound
    int64_t changelog_end = 0;   // of its partition, at least: what the store has
    std::optional<int64_t> end;  // of the partition, when last asked
    std::optional<WallTime> probing_since;
    StallClock stall;

    // Ticks that a bound had cut off leave changes without a record.
    bool uncommitted() const { return consumed || evaluator->has_changes(); }
  };
  // What a transaction in flight will leave to be done, and to be counted.
  struct InFlight {
    int32_t source;
    StoreLease lease;
    std::shared_ptr<const state::WriteBatch> batch;
  };
  struct AlertInFlight {
    std::string rule;
    std::string state;
    WallTime tick;                    // the wall time that the alert speaks of
    std::optional<WallTime> arrival;  // of the event that brought it about
  };

  Result<std::optional<int64_t>> restore(const log::Assignment& assignment);
  Status apply_records();
  // Exactly-once processing makes no repeated frames: somebody has changed offsets or a topic. Said now and then.
  void tell_of_repeats(int32_t partition, int64_t offset);
  Status advance();
  bool commit_due() const;
  bool catches_up() const;
  void append_alert(RaisedAlert& alert, log::Transaction& transaction);
  Status commit();
  // Deals with the outcome of the last transaction, if there is one to be had.
  Status settle(std::optional<Result<log::CommitReceipt>> outcome);
  bool ticks_left() const;
  void measure_memory();
  Status wait_for_room();
  void tell_of_groups();
  void tell_of_memory();
  Status write_committed(const log::CommitReceipt& receipt);
  void count_committed_alerts();
  // Asks for the ends of the partitions, so that the lag is known and the brokers show that they are there.
  void probe_ends();
  bool restored(int32_t source, const Task& task) const { return consumer_->position(source) >= task.evaluator->next_offset().value_or(0); }
  // As the transaction left it; nothing if the log did not say.
  std::optional<int64_t> changelog_end(const log::CommitReceipt& receipt, int32_t partition) const;
  static Status move_changelog_end(Task& task, std::optional<int64_t> end, size_t records);
  void drop_all();
  int32_t partition_of(int32_t source) const { return consumer_->sources()[static_cast<size_t>(source)].partition; }

  EvaluateOptions options_;
  std::shared_ptr<const Plan> plan_;
  StoreLeases& leases_;
  log::PartitionReader& reader_;
  Committer& committer_;
  FlightRecorder& recorder_;
  Clock clock_;
  log::GroupConsumer* consumer_ = nullptr;
  std::map<int32_t, Task> tasks_;                       // by source
  std::map<int32_t, std::optional<int64_t>> outdated_;  // partition: a committed offset that the state was ahead of, once
  std::vector<InFlight> in_flight_;
  std::vector<AlertInFlight> alerts_in_flight_;
  log::RecordBatch records_;
  WallTime last_commit_;
  WallTime last_store_flush_;
  WallTime last_probe_;
  std::optional<WallTime> last_told_of_repeats_;
  std::optional<WallTime> last_contact_;  // with the brokers
  Evaluator::Memory memory_;              // as last measured
  WallTime last_measured_;
  bool waiting_for_room_ = false;  // nothing is read until ticks and transactions have made room
  bool over_budget_ = false;       // as last told
  bool groups_told_ = false;       // to the ledger
  std::optional<WallTime> joined_at_;
  Status failure_;  // of a listener call, returned by the next step, or by close()
  EvaluateCounters counters_;
  EvaluatorCounters retired_;                                                 // of partitions that are no longer owned
  std::map<std::pair<std::string, std::string>, uint64_t> alerts_committed_;  // by rule and state
  Histogram tick_delay_{Histogram::kDelayBoundsMs};
  Histogram alert_commit_delay_{Histogram::kDelayBoundsMs};
  Histogram alert_detection_{Histogram::kDelayBoundsMs};
};

}  // namespace tocsin
