#include "tests/simulation/transactions.h"

#include <utility>

namespace tocsin::simulation {

Transactions::Transactions(log::MemoryLog& log, Fate& fate, Process& process, std::string id)
    : log_(log), fate_(fate), process_(process), id_(std::move(id)), producer_(log_.producer(id_)) {}

void Transactions::run(std::function<void()> work) {
  work_ = std::move(work);
  taking_ = true;
  try {
    work_();
  } catch (const Taken&) {}
  taking_ = false;
  phase_ = Phase::kSubmitted;
}

Result<log::CommitReceipt> Transactions::commit(log::Transaction transaction) {
  if (taking_) {
    transaction_ = std::move(transaction);
    throw Taken();
  }
  return *std::exchange(outcome_, std::nullopt);
}

Event Transactions::crash_event() const {
  switch (phase_) {
    case Phase::kSubmitted: return Event::kCrashSubmitted;
    case Phase::kBegun: return Event::kCrashBegun;
    case Phase::kEnding: return Event::kCrashEnding;
    case Phase::kAnswered: return outcome_->ok() ? Event::kCrashCommitted : Event::kCrashReading;
    case Phase::kNone: break;
  }
  return Event::kCrashReading;
}

void Transactions::finish() {
  while (phase_ != Phase::kNone) {
    if (!dead_) fate_.await(process_, crash_event(), true);
    advance();
  }
}

void Transactions::advance() {
  switch (phase_) {
    case Phase::kNone: return;
    case Phase::kSubmitted: return begin();
    case Phase::kBegun: return send_end();
    case Phase::kEnding: return end();
    case Phase::kAnswered: return deliver();
  }
}

void Transactions::begin() {
  if (dead_) return answer(unavailable("the process is dead"));
  if (fate_.strikes(Event::kAnswerLostRolledBack)) {
    replace();
    return answer(unavailable("simulated: the brokers did not answer in time"));
  }
  const Status begun = producer_->begin(std::move(transaction_));
  if (!begun.ok()) return answer(begun);
  phase_ = Phase::kBegun;
}

void Transactions::send_end() {
  if (dead_) return answer(unavailable("the process is dead"));
  if (!timed_out_ && fate_.strikes(Event::kAborted)) {
    const Status rolled_back = producer_->abort();
    return answer(rolled_back.ok() ? aborted("simulated: the transaction was rolled back") : rolled_back);
  }
  if (!timed_out_ && fate_.strikes(Event::kAnswerLostRolledBack)) {
    // Its end is still under way, and will meet the epoch of the producer that takes its place.
    fate_.leave_behind(std::move(producer_), true);
    replace();
    return answer(unavailable("simulated: the end of the transaction was not answered"));
  }
  phase_ = Phase::kEnding;
}

void Transactions::end() {
  if (dead_) return answer(unavailable("the process is dead"));
  Result<log::CommitReceipt> ended = producer_->end();
  if (!ended.ok() && std::exchange(timed_out_, false)) {
    replace();
    return answer(unavailable("simulated: the transaction took too long"));
  }
  if (ended.ok() && fate_.strikes(Event::kAnswerLostCommitted)) {
    replace();
    return answer(unavailable("simulated: the end of the transaction was not answered"));
  }
  answer(std::move(ended));
}

void Transactions::answer(Result<log::CommitReceipt> outcome) {
  outcome_.emplace(std::move(outcome));
  transaction_ = {};
  phase_ = Phase::kAnswered;
}

void Transactions::deliver() {
  phase_ = Phase::kNone;
  timed_out_ = false;
  ++delivered_;
  const std::function<void()> work = std::exchange(work_, nullptr);
  work();
}

void Transactions::replace() { producer_ = log_.producer(id_); }

void Transactions::abandon() {
  if (dead_) return;
  dead_ = true;
  if (phase_ == Phase::kBegun || phase_ == Phase::kEnding) fate_.leave_behind(std::move(producer_), phase_ == Phase::kEnding);
  if (phase_ != Phase::kNone && phase_ != Phase::kAnswered) answer(unavailable("the process is dead"));
}

}  // namespace tocsin::simulation
