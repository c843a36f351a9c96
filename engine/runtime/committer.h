#pragma once

// The one place that commits. A worker hands over a transaction and goes on; the outcome is fetched later (DESIGN 3).
//
// Thread:     every call belongs to the worker; the transaction itself runs wherever the executor runs it.
// Lifetime:   producer, executor and recorder outlive it; it outlives the transaction in flight.
// Invariants: (1) at most one transaction is in flight; (2) each outcome is handed out once, and nothing is submitted before it was: so the
//             worker can rewind after a failure before it goes on.
// Failure:    as TransactionalProducer::commit, unchanged.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "engine/base/clock.h"
#include "engine/base/status.h"
#include "engine/base/time.h"
#include "engine/log/log.h"
#include "engine/runtime/flight_recorder.h"
#include "engine/runtime/histogram.h"

namespace tocsin {

// Event time that is further behind the wall clock is being caught up with: then workers make fewer and larger transactions.
inline constexpr Duration kFarBehind{10'000};

// Of a transaction that failed: it was rolled back, or is in doubt; after rewind() the work is done again. All else ends a worker.
inline bool healed_by_rewind(const Status& status) {
  return status.code() == StatusCode::kAborted || status.code() == StatusCode::kUnavailable;
}

// Runs one piece of work after the other, in order: on a thread of its own (`run`), or at once (backtest, tests).
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void run(std::function<void()> work) = 0;
  // Called by whoever is about to wait for what was handed over: an executor that runs it on nobody's thread (the simulation's) does it
  // now.
  virtual void finish() {}
};

class InlineExecutor final : public Executor {
 public:
  void run(std::function<void()> work) override { work(); }
};

class Committer {
 public:
  // `after_commit`: the phase to note when a transaction has committed: kCommitted for a worker whose store has to follow.
  Committer(log::TransactionalProducer& producer, Executor& executor, FlightRecorder& recorder, Clock clock,
            FlightRecorder::Phase after_commit = FlightRecorder::Phase::kRunning)
      : producer_(producer), executor_(executor), recorder_(recorder), clock_(std::move(clock)), after_commit_(after_commit) {}
  // Waits for the transaction in flight: it runs on another thread and writes its outcome here. A worker that fails leaves it to this.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // A transaction is in flight, or its outcome has not been fetched.
  bool busy() const;
  // Must not be busy.
  void submit(log::Transaction transaction);
  // The outcome of the transaction, once; nothing while it is in flight or if none was submitted.
  std::optional<Result<log::CommitReceipt>> poll();
  // The same, but waits for it; nothing only if none was submitted.
  std::optional<Result<log::CommitReceipt>> wait();
  // The same, but gives up after `patience`: nothing then, as from poll().
  std::optional<Result<log::CommitReceipt>> wait_for(Duration patience);

  // What the brokers say was committed of a partition: kUnavailable if it lies before what they said earlier or what was committed here, so
  // that it cannot be. A group coordinator that was elected twice in short succession may answer from the part of its log that it has
  // read by then (docs/delivery-guarantees.md); to go on from there would count events twice.
  Status believe(const log::TopicPartition& partition, const std::optional<log::CommittedOffset>& committed);

  // Wall time that transactions took, whatever became of them.
  Histogram durations() const;

 private:
  std::optional<Result<log::CommitReceipt>> take();

  log::TransactionalProducer& producer_;
  Executor& executor_;
  FlightRecorder& recorder_;
  Clock clock_;
  const FlightRecorder::Phase after_commit_;
  mutable std::mutex mutex_;
  std::condition_variable done_;
  bool busy_ = false;
  std::optional<Result<log::CommitReceipt>> outcome_;
  std::map<log::TopicPartition, int64_t> committed_;  // of each partition at least so much is
  Histogram durations_{Histogram::kCommitBoundsMs};
};

}  // namespace tocsin
