#include "engine/runtime/committer.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

#include "engine/base/test_switches.h"

namespace tocsin {
namespace {

// What must not be, for the test of the tests: a crash or a failure between the two loses or doubles what was in the transaction.
Result<log::CommitReceipt> commit_apart(log::TransactionalProducer& producer, log::Transaction records, bool offsets_first) {
  log::Transaction offsets;
  offsets.offsets = std::exchange(records.offsets, {});
  offsets.group = records.group;
  if (offsets_first) {
    Result<log::CommitReceipt> done = producer.commit(std::move(offsets));
    return done.ok() ? producer.commit(std::move(records)) : done;
  }
  Result<log::CommitReceipt> receipt = producer.commit(std::move(records));
  if (!receipt.ok()) return receipt;
  const Result<log::CommitReceipt> done = producer.commit(std::move(offsets));
  return done.ok() ? receipt : done;
}

Result<log::CommitReceipt> commit_whole(log::TransactionalProducer& producer, log::Transaction transaction) {
  if (test_switches::defect("offsets_after_records")) return commit_apart(producer, std::move(transaction), false);
  if (test_switches::defect("offsets_before_records")) return commit_apart(producer, std::move(transaction), true);
  return producer.commit(std::move(transaction));
}

}  // namespace

Committer::~Committer() { (void)wait(); }

bool Committer::busy() const {
  const std::lock_guard lock(mutex_);
  return busy_ || outcome_.has_value();
}

void Committer::submit(log::Transaction transaction) {
  {
    const std::lock_guard lock(mutex_);
    TOCSIN_CHECK(!busy_ && !outcome_, "a transaction was submitted while another one is in flight");
    busy_ = true;
  }
  executor_.run([this, transaction = std::make_shared<log::Transaction>(std::move(transaction))] {
    const WallTime begin = clock_();
    recorder_.enter(FlightRecorder::Phase::kTransaction);
    const std::vector<log::OffsetCommit> offsets = transaction->offsets;
    Result<log::CommitReceipt> outcome = commit_whole(producer_, std::move(*transaction));
    recorder_.enter(outcome.ok() ? after_commit_ : FlightRecorder::Phase::kRunning);
    const std::lock_guard lock(mutex_);
    durations_.observe(clock_() - begin);
    if (outcome.ok()) {
      for (const log::OffsetCommit& commit : offsets) committed_[commit.partition] = commit.offset;
    }
    outcome_ = std::move(outcome);
    busy_ = false;
    // Under the lock: the waiter may destroy this object as soon as it has the outcome.
    done_.notify_all();
  });
}

std::optional<Result<log::CommitReceipt>> Committer::take() {
  if (!outcome_) return std::nullopt;
  return std::exchange(outcome_, std::nullopt);
}

std::optional<Result<log::CommitReceipt>> Committer::poll() {
  const std::lock_guard lock(mutex_);
  return take();
}

std::optional<Result<log::CommitReceipt>> Committer::wait() {
  executor_.finish();
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return !busy_; });
  return take();
}

std::optional<Result<log::CommitReceipt>> Committer::wait_for(Duration patience) {
  executor_.finish();
  std::unique_lock lock(mutex_);
  done_.wait_for(lock, std::chrono::milliseconds(patience.ms), [this] { return !busy_; });
  return take();
}

Status Committer::believe(const log::TopicPartition& partition, const std::optional<log::CommittedOffset>& committed) {
  const std::lock_guard lock(mutex_);
  const auto known = committed_.find(partition);
  if (known != committed_.end() && (!committed || committed->offset < known->second) && !test_switches::defect("older_offset_believed")) {
    return unavailable(fmt::format(
        "{}-{}: the brokers say that {} was committed, but it is known that offset {} was: the group's coordinator has not read all of its "
        "log yet, or the topic was deleted; asking again",
        partition.topic, partition.partition, committed ? fmt::format("offset {}", committed->offset) : "nothing", known->second));
  }
  if (committed) committed_[partition] = committed->offset;
  return {};
}

Histogram Committer::durations() const {
  const std::lock_guard lock(mutex_);
  return durations_;
}

}  // namespace tocsin
