#pragma once

// Stage 1 at run time: one worker with its own consumer and transactional producer (DESIGN 3).
//
//   step(): poll ─► decode ─► dead letters aside ─► aggregator        at most one poll
//           idle partitions: ask for their end, follow the wall clock once it is proven
//           flush, if it is due and no transaction is in flight: frames + dead letters + offsets in one transaction
//
// Nothing is durable here: whatever is not committed is read again. What has to be remembered of a partition travels with its
// committed offset.
//
// Thread:     one; the transaction runs on the committer's executor meanwhile.
// Invariants: (1) a frame speaks only of partitions whose offsets its transaction sends; (2) a frame belongs to one assignment: it
//             is committed before the partitions go, or dropped with them; (3) an event is in exactly one committed frame.
// Failure:    kAborted and kUnavailable of a transaction are healed here (rewind); everything else is returned and ends the worker.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/decode/decoder.h"
#include "engine/log/log.h"
#include "engine/runtime/committer.h"
#include "engine/runtime/frames.h"
#include "engine/runtime/worker_metrics.h"
#include "operators/aggregator.h"
#include "operators/partition_clock.h"
#include "operators/plan.h"

namespace tocsin {

struct AggregateOptions {
  std::string worker;  // unique name, in frames
  std::string partials_topic;
  std::string dead_letters_topic;
  uint32_t partials_partitions = 1;
  Format format = Format::kAuto;
  log::StartPosition start;
  Duration flush_interval{100};
  Duration catch_up_interval{500};  // at least this instead, while event time is far behind the wall clock and there is more to read
  // Of accumulators, their rows and dead letters: a flush is due, and input waits for the one in flight.
  size_t flush_bytes = size_t{32} << 20;
  size_t frame_part_bytes = kFramePartBytes;
  Duration commit_patience{200};  // so long it waits in place; then its partitions are paused until the transaction has ended
  SeriesLimits series;
  Duration groups_patience{10'000};  // after its start it waits so long for the groups of stage 2, if it shares a ledger with it
  Duration max_out_of_orderness{500};
  Duration allowed_lateness{3'600'000};
  std::optional<Duration> max_future_skew;  // absent: no wall clock (backtest)
  std::optional<Duration> idle_timeout;
  Duration alignment{60'000};  // partitions further ahead than this are paused
};

struct AggregateCounters {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t dead_letters = 0;
  uint64_t flushes = 0;
  uint64_t rewinds = 0;
  uint64_t lost_offsets = 0;
  uint64_t frames = 0;  // records written to partials
  uint64_t frame_bytes = 0;
  uint64_t pauses = 0;  // times that input was paused because a transaction took too long
};

class AggregateWorker final : public log::ConsumerListener {
 public:
  AggregateWorker(AggregateOptions options, std::shared_ptr<const Plan> plan, Committer& committer, Clock clock);

  // The consumer is made with this worker as its listener, so it comes after.
  void attach(log::GroupConsumer& consumer) { consumer_ = &consumer; }

  // One round; waits up to `timeout` for input.
  Status step(Duration timeout);
  // Every input has ended and everything is committed (files only).
  bool finished() const;
  // Commits what is open and leaves the group.
  Status close();

  const AggregateCounters& counters() const { return counters_; }
  const AggregatorCounters& events() const { return aggregator_.counters(); }
  size_t series_count() const { return aggregator_.series_count(); }
  OverflowStatus overflow() const { return aggregator_.overflow(); }
  // Memory of series, accumulators and dead letters, by their own account.
  size_t memory_bytes() const { return aggregator_.memory_bytes() + dead_letter_bytes_; }
  // Its share of the process' memory: what it may hold.
  size_t memory_budget_bytes() const;
  // Dead letters by reason.
  const std::map<std::string, uint64_t>& dead_letter_reasons() const { return dead_letter_reasons_; }
  // Events dropped as too late by rule group, in the order of the rule files.
  std::vector<std::pair<std::string, uint64_t>> dropped_late_by_rule_group() const;
  // Messages between the positions and the ends of the partitions owned, as far as the ends are known.
  int64_t lag() const;
  // Of now, for others to see.
  WorkerMetrics metrics();

  // log::ConsumerListener
  Result<std::vector<log::StartPosition>> on_assigned(const std::vector<log::Assignment>& partitions) override;
  void on_revoked(const std::vector<int32_t>& sources) override;
  void on_lost(const std::vector<int32_t>& sources) override;
  void on_range_lost(int32_t source, int64_t from, int64_t to) override;
  void on_end(int32_t source, int64_t end, WallTime asked_at) override;
  void on_finished(int32_t source) override;

 private:
  struct Input {
    bool assigned = false;
    bool started = false;  // `from` is known
    bool finished = false;
    bool changed = false;  // since the last flush
    bool paused = false;
    bool probing = false;
    PartitionClock clock;
    int64_t from = 0;  // the next frame's range begins here
    int64_t next = 0;  // behind the last record taken
    int64_t lost = 0;  // offsets in that range that could not be read
    WallTime last_arrival;
    WallTime last_probe;
    std::optional<int64_t> end;  // readable end, when last asked
    StallClock stall;
  };

  Input& input(int32_t source);
  bool full() const { return aggregator_.bytes() + dead_letter_bytes_ >= options_.flush_bytes; }
  Status wait_for_room();
  void look_for_groups();
  // Whether all that the consumer has handed out has been taken: only then its positions say what was counted.
  bool all_taken() const { return groups_known_ && early_.empty(); }
  void take_records(const log::RecordBatch& batch);
  void take_all(const log::RecordBatch& batch);
  bool known_to_lag() const;
  void refuse_future_events(WallTime now);
  void pause_and_resume();
  void probe_ends();
  // Whether a partition has something to be told of since the last flush.
  bool changed() const;
  bool flush_due() const;
  bool catches_up() const;
  EventTime slowest_watermark() const;
  Status flush();
  v1::Frame make_header();
  void add_offsets(log::Transaction& transaction);
  // Deals with the outcome of the last transaction, if there is one to be had.
  Status settle(std::optional<Result<log::CommitReceipt>> outcome);
  void tell_of_overflow();
  void drop_all();
  std::optional<int64_t> lag_of(int32_t source) const;

  AggregateOptions options_;
  std::shared_ptr<const Plan> plan_;
  Committer& committer_;
  Clock clock_;
  log::GroupConsumer* consumer_ = nullptr;
  Decoder decoder_;
  EventBatch events_;
  Aggregator aggregator_;
  std::vector<Input> inputs_;  // by source
  std::vector<log::OutRecord> dead_letters_;
  size_t dead_letter_bytes_ = 0;
  std::optional<WallTime> oldest_record_;  // since the last flush
  std::map<std::string, uint64_t> dead_letter_reasons_;
  bool waiting_for_room_ = false;        // full, and the transaction in flight takes long: nothing is read
  std::vector<std::string> overflowed_;  // labels, as last told
  log::RecordBatch records_;
  std::vector<std::pair<std::string, int32_t>> partition_counts_;
  WallTime started_;
  bool groups_known_ = false;            // those that stage 2 remembers from before, or it has waited long enough: nothing is read before
  std::vector<log::RecordBatch> early_;  // came all the same, and are taken first
  WallTime last_flush_;
  EventTime flushed_watermark_ = EventTime::min();
  std::optional<WallTime> last_contact_;  // with the brokers
  bool drained_ = false;                  // the last poll took all there was, as far as is known
  uint64_t sequence_ = 0;
  AggregateCounters counters_;
};

}  // namespace tocsin
