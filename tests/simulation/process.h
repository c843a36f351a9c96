#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/runtime/aggregate_worker.h"
#include "engine/runtime/cluster.h"
#include "engine/runtime/committer.h"
#include "engine/runtime/evaluate_worker.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/fate.h"
#include "tests/simulation/member.h"
#include "tests/simulation/transactions.h"

namespace tocsin::simulation {

// What all processes of a schedule have in common.
struct Engine {
  std::shared_ptr<const Plan> plan;
  int32_t partials = 1;
  std::optional<Duration> idle_timeout;
  bool shared_ledger = false;
  size_t poll_records_max = 4'096;
  size_t frame_part_bytes = kFramePartBytes;
  bool misleading = false;  // the groups' coordinator answers from the past, also to workers that cannot know
  bool from_now = false;    // partitions without a committed offset are read from their ends
  size_t restore_batch_bytes = size_t{4} << 20;
  size_t transaction_bytes = size_t{16} << 10;  // of state changes: beyond it ticks are cut into several transactions
};

struct ProcessOptions {
  std::string name;  // its workers' member names and transactional ids begin with it
  size_t aggregates = 1;
  size_t evaluates = 1;
  Clock clock;
  log::StartPosition start;
};

// One life of a process: the engine's workers, as the supervisor makes them, on one simulated thread.
//
// Thread:     confined.
// Lifetime:   less than the log's, the disk's and the fate's. Destroyed: it is dead, and what it had open at the brokers stays open.
// Invariants: (1) a worker that is within a step (`busy`) takes no other one.
// Failure:    Crash out of step() and close().
class Process {
 public:
  Process(const Engine& engine, const ProcessOptions& options, log::MemoryLog& log, Disk& disk, Fate& fate);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const std::string& name() const { return name_; }
  size_t workers() const { return workers_.size(); }
  std::string worker_name(size_t worker) const { return workers_[worker]->name; }

  Status step(size_t worker);
  // Leaves in good order: the supervisor's stop.
  Status close(size_t worker);
  bool idle() const;
  Transactions& transactions(size_t worker) { return workers_[worker]->transactions; }
  void expire_session(size_t worker) { workers_[worker]->member->expire(); }

  // Whether this worker, or any, is within a step that waits at an await point.
  bool busy(size_t worker) const { return workers_[worker]->busy; }
  bool busy() const;
  // It stands still: nothing of it runs until it is resumed.
  bool paused = false;
  // Its session or its name went while it stood still.
  bool zombie = false;
  // Its workers leave, one after the other.
  bool stopping = false;
  // It has been killed while a step of it waits; that one ends with a Crash.
  bool doomed = false;

  uint64_t restores() const;

 private:
  struct Worker {
    Worker(log::MemoryLog& log, Fate& fate, Process& process, const std::string& id, const Clock& clock, FlightRecorder::Phase after_commit)
        : name(id),
          transactions(log, fate, process, transactional_id("simulation", id)),
          committer(transactions, transactions, recorder, clock, after_commit) {}
    const std::string name;
    Transactions transactions;
    std::atomic<uint8_t> phase{0};
    FlightRecorder recorder{&phase};
    Committer committer;
    std::unique_ptr<Reader> reader;
    std::unique_ptr<AggregateWorker> aggregate;
    std::unique_ptr<EvaluateWorker> evaluate;
    std::unique_ptr<Member> member;
    bool busy = false;
    uint64_t written_after = 0;  // deliveries when the store was written last
  };

  void add_aggregate(const Engine& engine, const ProcessOptions& options, size_t index, log::MemoryLog& log, Fate& fate);
  void add_evaluate(const Engine& engine, const ProcessOptions& options, size_t index, log::MemoryLog& log, Fate& fate);
  void before_store_write(Fate& fate);

  const std::string name_;
  Disk& disk_;
  StoreLeases leases_;
  std::unique_ptr<SharedLedger> ledger_;
  std::vector<std::unique_ptr<Worker>> workers_;
  // Marks a worker as busy.
  class Within {
   public:
    Within(Process& process, Worker& worker);
    ~Within();
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

   private:
    Process& process_;
    Worker& worker_;
  };
  std::vector<Worker*> stack_;  // the workers within a step, the innermost last
};

}  // namespace tocsin::simulation
