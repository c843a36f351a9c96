#include "tests/simulation/process.h"

#include <fmt/format.h>

#include <algorithm>

namespace tocsin::simulation {
namespace {

constexpr Duration kAllowedLateness{20'000};
constexpr Duration kMaxFutureSkew{60'000};
constexpr Duration kStoreFlushInterval{2'000};
// Small, so that little is looked up in much memory.
constexpr size_t kSeriesBytes = size_t{4} << 20;
constexpr size_t kGroupBytes = size_t{64} << 20;

}  // namespace

Process::Process(const Engine& engine, const ProcessOptions& options, log::MemoryLog& log, Disk& disk, Fate& fate)
    : name_(options.name), disk_(disk), leases_(disk) {
  if (engine.shared_ledger) ledger_ = std::make_unique<SharedLedger>(kGroupBytes, static_cast<int>(options.evaluates));
  for (size_t i = 0; i < options.evaluates; ++i) add_evaluate(engine, options, i, log, fate);
  for (size_t i = 0; i < options.aggregates; ++i) add_aggregate(engine, options, i, log, fate);
  disk_.set_hook([this, &fate] { before_store_write(fate); });
}

Process::~Process() {
  disk_.set_hook(nullptr);
  for (const auto& worker : workers_) worker->transactions.abandon();
}

void Process::add_aggregate(const Engine& engine, const ProcessOptions& options, size_t index, log::MemoryLog& log, Fate& fate) {
  const std::string id = fmt::format("{}-a{}", name_, index);
  Worker& worker = *workers_.emplace_back(std::make_unique<Worker>(log, fate, *this, id, options.clock, FlightRecorder::Phase::kRunning));
  AggregateOptions to;
  to.worker = id;
  to.partials_topic = "partials";
  to.dead_letters_topic = "dead-letters";
  to.partials_partitions = static_cast<uint32_t>(engine.partials);
  to.allowed_lateness = kAllowedLateness;
  to.idle_timeout = engine.idle_timeout;
  if (engine.idle_timeout) to.max_future_skew = kMaxFutureSkew;
  to.frame_part_bytes = engine.frame_part_bytes;
  to.start = options.start;
  to.series.bytes = kSeriesBytes;
  to.series.cache_bytes = kSeriesBytes;
  to.series.ledger = ledger_.get();
  to.groups_patience = Duration{3'000};
  worker.aggregate = std::make_unique<AggregateWorker>(to, engine.plan, worker.committer, options.clock);
  log::MemoryConsumerOptions member{.group = "aggregate", .instance_id = id, .topics = {"in"}};
  member.strategy = log::AssignmentStrategy::kRoundRobin;
  member.poll_records_max = engine.poll_records_max;
  worker.member = std::make_unique<Member>(log, std::move(member), fate, *this, *worker.aggregate);
  worker.aggregate->attach(*worker.member);
}

void Process::add_evaluate(const Engine& engine, const ProcessOptions& options, size_t index, log::MemoryLog& log, Fate& fate) {
  const std::string id = fmt::format("{}-e{}", name_, index);
  Worker& worker = *workers_.emplace_back(std::make_unique<Worker>(log, fate, *this, id, options.clock, FlightRecorder::Phase::kCommitted));
  worker.reader = std::make_unique<Reader>(log, fate, *this);
  EvaluateOptions to;
  to.worker = id;
  to.changelog_topic = "changelog";
  to.alerts = {"alerts", "", "tocsin/simulation", AlertFormat::kProtobuf};
  to.partials_partitions = static_cast<uint32_t>(engine.partials);
  to.transaction_bytes = engine.transaction_bytes;
  to.restore.batch_bytes = engine.restore_batch_bytes;
  to.flush_interval = kStoreFlushInterval;
  to.ledger = ledger_.get();
  worker.evaluate =
      std::make_unique<EvaluateWorker>(to, engine.plan, leases_, *worker.reader, worker.committer, worker.recorder, options.clock);
  log::MemoryConsumerOptions member{.group = "evaluate", .instance_id = id, .topics = {"partials"}};
  member.poll_records_max = engine.poll_records_max;
  worker.member = std::make_unique<Member>(log, std::move(member), fate, *this, *worker.evaluate);
  worker.evaluate->attach(*worker.member);
}

// Who writes is the innermost worker: the one that was stepped last.
void Process::before_store_write(Fate& fate) {
  Worker& worker = *stack_.back();
  Event crash = Event::kCrashRestoring;
  if (worker.recorder.phase() != FlightRecorder::Phase::kRestoring) {
    const bool first = worker.written_after != worker.transactions.delivered();
    worker.written_after = worker.transactions.delivered();
    crash = first ? Event::kCrashBeforeStoreWrite : Event::kCrashBetweenStoreWrites;
  }
  // Nobody else may act: the lease of the partition is held (store_lease.h).
  fate.await(*this, crash, false);
  if (fate.strikes(Event::kDiskFull)) disk_.set_full(true);
}

Status Process::step(size_t index) {
  Worker& worker = *workers_[index];
  const Within within(*this, worker);
  return worker.aggregate ? worker.aggregate->step({0}) : worker.evaluate->step({0});
}

Status Process::close(size_t index) {
  Worker& worker = *workers_[index];
  const Within within(*this, worker);
  return worker.aggregate ? worker.aggregate->close() : worker.evaluate->close();
}

Process::Within::Within(Process& process, Worker& worker) : process_(process), worker_(worker) {
  worker_.busy = true;
  process_.stack_.push_back(&worker_);
}

Process::Within::~Within() {
  process_.stack_.pop_back();
  worker_.busy = false;
}

bool Process::busy() const {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->busy; });
}

bool Process::idle() const {
  return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) {
    return worker->transactions.phase() == Transactions::Phase::kNone && (!worker->evaluate || worker->evaluate->idle());
  });
}

uint64_t Process::restores() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->evaluate ? worker->evaluate->counters().restores : 0;
  return sum;
}

}  // namespace tocsin::simulation
