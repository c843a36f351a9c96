#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/log/memory_log.h"
#include "engine/runtime/committer.h"
#include "tests/simulation/fate.h"

namespace tocsin::simulation {

// What lies between a worker's Committer and the log: the thread that transactions run on, the producer, and the way to the broker. A
// transaction goes step by step, when the schedule says so:
//
//   submitted ──begin──► begun ──end is sent──► ending ──► answered ──► delivered: the Committer has the outcome
//       └──────────────────┴── rolled back, or the answer is lost ──┘
//
// The Committer hands over a closure that calls commit(). It is run twice: first to get hold of the transaction, which commit() takes and
// throws to get out again, and then, with the outcome known, to give that back.
//
// Thread:     confined.
// Lifetime:   less than the log's and the fate's; longer than the Committer's.
// Invariants: (1) each transaction that was handed over ends, with abandon() at the latest.
// Failure:    as TransactionalProducer; Crash out of finish().
class Transactions final : public Executor, public log::TransactionalProducer {
 public:
  enum class Phase : uint8_t { kNone, kSubmitted, kBegun, kEnding, kAnswered };

  // `id`: the transactional id.
  Transactions(log::MemoryLog& log, Fate& fate, Process& process, std::string id);

  // Executor
  void run(std::function<void()> work) override;
  // All the steps that are left, each after an await point.
  void finish() override;
  // TransactionalProducer
  Result<log::CommitReceipt> commit(log::Transaction transaction) override;

  Phase phase() const { return phase_; }
  const std::string& id() const { return id_; }
  // One step. Nothing without a transaction in flight.
  void advance();
  // Whether the next step is the brokers' alone: it is taken even while the process stands still.
  bool at_broker() const { return phase_ == Phase::kEnding; }
  // The process is dead: what is open stays open at the broker, and nobody learns of outcomes any more.
  void abandon();
  // The broker has rolled back what is open.
  void time_out() { timed_out_ = true; }
  // Outcomes that the Committer was given.
  uint64_t delivered() const { return delivered_; }
  // How a crash now counts.
  Event crash_event() const;

 private:
  struct Taken {};

  void begin();
  void send_end();
  void end();
  void deliver();
  void answer(Result<log::CommitReceipt> outcome);
  // As after a time-out: a new producer of this id, which rolls back what the old one left open.
  void replace();

  log::MemoryLog& log_;
  Fate& fate_;
  Process& process_;
  const std::string id_;
  std::unique_ptr<log::StagedProducer> producer_;
  Phase phase_ = Phase::kNone;
  std::function<void()> work_;
  bool taking_ = false;
  bool dead_ = false;
  bool timed_out_ = false;
  uint64_t delivered_ = 0;
  log::Transaction transaction_;
  std::optional<Result<log::CommitReceipt>> outcome_;
};

}  // namespace tocsin::simulation
