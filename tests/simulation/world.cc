#include "tests/simulation/world.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/checks.h"

namespace tocsin::simulation {
namespace {

constexpr int64_t kMoreThanADayMs = 26LL * 3'600'000;
constexpr int64_t kTombstonesKeptMs = 24LL * 3'600'000;  // delete.retention.ms of the changelog (engine/config/topics.cc)

log::OutRecord record_of(const Message& message) {
  return {.topic = kInput, .partition = message.partition, .key = "", .value = message.text, .headers = {}};
}

}  // namespace

World::World(const Engine& engine, const Input& input, Fate& fate, Coverage& coverage, const Trace& trace)
    : engine_(engine),
      input_(input),
      fate_(fate),
      coverage_(coverage),
      trace_(trace),
      log_({.clock = [this] { return WallTime{now_ms_}; }}),
      reader_(log_.reader()),
      input_partitions_(input.partitions) {
  log_.create_topic(kInput, {.partitions = input_partitions_});
  log_.create_topic(kPartials, {.partitions = engine_.partials});
  log_.create_topic(kChangelog, {.partitions = engine_.partials});
  log_.create_topic(kAlerts, {});
  log_.create_topic(kDeadLetters, {});
}

std::vector<World::Life*> World::lives() const {
  std::vector<Life*> all;
  all.reserve(lives_.size());
  for (const auto& life : lives_) all.push_back(life.get());
  return all;
}

size_t World::lives_of(const Instance& instance) const {
  return static_cast<size_t>(std::count_if(lives_.begin(), lives_.end(), [&](const auto& life) { return life->instance == &instance; }));
}

void World::set_clock(Instance& instance, int64_t ahead_ms) {
  instance.clock_ahead_ms = ahead_ms;
  clocks_jumped_ = true;
}

void World::note_committed() {
  committed_before_ = std::move(committed_now_);
  committed_now_.clear();
  const auto note = [&](const std::string& group, const char* topic, int32_t partitions) {
    for (int32_t partition = 0; partition < partitions; ++partition) {
      committed_now_[{group, {topic, partition}}] = log_.committed(group, {topic, partition});
    }
  };
  if (!engine_.misleading) return;
  note("aggregate", kInput, input_partitions_);
  note("evaluate", kPartials, engine_.partials);
}

std::optional<log::CommittedOffset> World::committed_before(const std::string& group, const log::TopicPartition& partition) const {
  if (engine_.from_now) return std::nullopt;
  const auto found = committed_before_.find({group, partition});
  return found == committed_before_.end() ? std::nullopt : found->second;
}

void World::mislead() {
  misled_ = true;
  trace_.say(now_ms_ - kBaseMs, "a worker is told what was committed before:");
  for (const auto& [of, committed] : committed_before_) {
    const auto now = log_.committed(of.first, of.second);
    trace_.say(now_ms_ - kBaseMs, "  {} {}-{}: {} ('{}'), now {} ('{}')", of.first, of.second.topic, of.second.partition,
               committed ? committed->offset : -1, committed ? committed->metadata : "", now ? now->offset : -1, now ? now->metadata : "");
  }
}

bool World::taken_up_everywhere() {
  for (int32_t partition = 0; partition < input_partitions_; ++partition) {
    if (!log_.committed("aggregate", {kInput, partition})) return false;
  }
  return true;
}

void World::add_instance(size_t aggregates, size_t evaluates) {
  Instance& instance = instances_.emplace_back();
  instance.name = fmt::format("i{}", instances_.size());
  instance.aggregates = aggregates;
  instance.evaluates = evaluates;
}

void World::start(Instance& instance) {
  const auto other = std::find_if(lives_.begin(), lives_.end(), [&](const auto& life) { return life->instance == &instance; });
  const size_t disk = other == lives_.end() ? 0 : 1 - (*other)->disk;
  const bool second = other != lives_.end();
  Disk& on = instance.disks[disk];
  if (on.refused) on.set_back(0);
  on.refused = false;
  if (on.batches() > 0 && on.written_on() < day_) coverage_.hit(Event::kDiskTooOld);
  on.set_day(day_);
  coverage_.hit(Event::kJoined);
  trace_.say(now_ms_ - kBaseMs, "{} starts on disk {} ({} batches)", instance.name, disk, on.batches());
  const ProcessOptions options{
      instance.name,
      instance.aggregates,
      instance.evaluates,
      [this, &instance] { return WallTime{now_ms_ + instance.clock_ahead_ms}; },
      {engine_.from_now && taken_up_everywhere() ? log::StartPosition::Kind::kLatest : log::StartPosition::Kind::kEarliest}};
  lives_.push_back(std::make_unique<Life>(Life{std::make_unique<Process>(engine_, options, log_, on, fate_), &instance, disk}));
  for (size_t worker = 0; worker < lives_.back()->process->workers(); ++worker)
    worker_names_.insert(lives_.back()->process->worker_name(worker));
  if (!second) return;
  // Either may be fenced by the other now.
  coverage_.hit(Event::kNameTaken);
  for (const auto& life : lives_) life->process->zombie = life->process->zombie || life->instance == &instance;
}

void World::remove(Life& life) {
  coverage_.hit(Event::kRestored, life.process->restores());
  const auto found = std::find_if(lives_.begin(), lives_.end(), [&](const auto& each) { return each.get() == &life; });
  const std::unique_ptr<Life> last = std::move(*found);
  lives_.erase(found);
}

void World::step(Life& life, size_t worker) {
  Process& process = *life.process;
  Status status;
  try {
    status = process.step(worker);
  } catch (const Crash&) {
    process.doomed = true;
  }
  if (process.doomed) {
    if (process.busy()) return;  // the steps around this one end with it
    trace_.say(now_ms_ - kBaseMs, "{} is killed within {}", process.name(), process.worker_name(worker));
    return remove(life);
  }
  if (!status.ok()) return ended(life, status);
  if (process.restores() == life.restores) return;
  life.restores = process.restores();
  if (auto problem = broken_store(*this, *life.instance, life.disk)) violate("after a restore: " + *problem);
}

// Whether that is how a process has to end here.
bool World::explains(Life& life, const Status& status) {
  Disk& disk = life.instance->disks[life.disk];
  switch (status.code()) {
    case StatusCode::kFenced: coverage_.hit(Event::kProcessFenced); return life.process->zombie;
    case StatusCode::kUnavailable: return disk.full();
    case StatusCode::kDataLoss:
      if (disk.damaged()) {
        coverage_.hit(Event::kDiskRefused);
        disk.refused = true;
        return true;
      }
      if (!misled_) return false;
      coverage_.hit(Event::kStopped);
      stopped_ = true;
      return true;
    default: return false;
  }
}

// As the supervisor: the other workers leave in good order, the one that failed does not.
void World::ended(Life& life, const Status& status) {
  Process& process = *life.process;
  trace_.say(now_ms_ - kBaseMs, "{} ends: {} ({})", process.name(), status.message(), to_string(status.code()));
  if (!explains(life, status)) violate(fmt::format("{} ended: {} ({})", process.name(), status.message(), to_string(status.code())));
  if (process.busy()) {
    process.doomed = true;
    return;
  }
  remove(life);
}

void World::kill(Life& life, std::optional<Event> crash) {
  Process& process = *life.process;
  if (process.busy()) {
    process.doomed = true;
    return;
  }
  if (crash) coverage_.hit(*crash);
  trace_.say(now_ms_ - kBaseMs, "{} is killed", process.name());
  remove(life);
}

void World::stop(Life& life) {
  Process& process = *life.process;
  trace_.say(now_ms_ - kBaseMs, "{} stops", process.name());
  coverage_.hit(Event::kLeft);
  process.stopping = true;
  try {
    for (size_t worker = 0; worker < process.workers() && !process.doomed; ++worker) {
      const Status closed = process.close(worker);
      const bool fenced = closed.code() == StatusCode::kFenced;  // whoever has its name or its partitions by now
      if (!closed.ok() && !fenced && !explains(life, closed)) {
        violate(fmt::format("{} did not leave in good order: {}", process.worker_name(worker), closed.message()));
      }
    }
    if (!process.doomed) (void)life.instance->disks[life.disk].flush();  // full: then it ends without
  } catch (const Crash&) {
    trace_.say(now_ms_ - kBaseMs, "{} is killed while it stops", process.name());
  }
  remove(life);
}

bool World::feed() {
  if (foreign_ || next_ == input_.steps.size()) return false;
  if (awaited_) {
    const auto committed = log_.committed("aggregate", {kInput, *awaited_});
    if (!committed || committed->offset == 0) return false;
    awaited_.reset();
  }
  const bool grows = input_.steps[next_].kind == InputStep::Kind::kAddPartition;
  if (grows && !all_read()) return false;
  note_committed();
  const InputStep& step = input_.steps[next_++];
  now_ms_ = std::max(now_ms_, kBaseMs + step.at_ms);
  switch (step.kind) {
    case InputStep::Kind::kAddPartition:
      log_.add_partitions(kInput, ++input_partitions_);
      awaited_ = input_partitions_ - 1;
      coverage_.hit(Event::kPartitionAdded);
      trace_.say(now_ms_ - kBaseMs, "input partition {} is added", *awaited_);
      [[fallthrough]];
    case InputStep::Kind::kMessages:
      for (const Message& message : step.messages) {
        const Result<int64_t> offset = log_.append(record_of(message));
        TOCSIN_CHECK(offset.ok(), offset.status().message());
        trace_.say(now_ms_ - kBaseMs, "input {}-{}: {}", message.partition, *offset, message.text);
      }
      break;
    case InputStep::Kind::kTransaction:
    case InputStep::Kind::kRolledBack: {
      log::Transaction transaction;
      for (const Message& message : step.messages) transaction.records.push_back(record_of(message));
      foreign_ = log_.producer(kApplication);
      foreign_commits_ = step.kind == InputStep::Kind::kTransaction;
      const Status begun = foreign_->begin(std::move(transaction));
      TOCSIN_CHECK(begun.ok(), begun.message());
      coverage_.hit(Event::kForeignOpen);
      foreign_begun_ms_.insert(now_ms_);
      break;
    }
  }
  return true;
}

// Of each input partition the last record that can be read; what was rolled back behind it is passed with the next one.
bool World::all_read() {
  for (int32_t partition = 0; partition < input_partitions_; ++partition) {
    const std::vector<log::LogEntry> entries = log_.entries({kInput, partition});
    const auto committed = log_.committed("aggregate", {kInput, partition});
    if (!entries.empty() && (!committed || committed->offset <= entries.back().offset)) return false;
  }
  return true;
}

void World::end_foreign() {
  if (!foreign_) return;
  const Status ended = foreign_commits_ ? foreign_->end().status() : foreign_->abort();
  TOCSIN_CHECK(ended.ok(), ended.message());
  if (!foreign_commits_) coverage_.hit(Event::kForeignRolledBack);
  foreign_.reset();
}

void World::leave_behind(std::unique_ptr<log::StagedProducer> producer, bool end_sent) {
  left_behind_.push_back({std::move(producer), end_sent});
}

void World::end_left_behind(size_t index) {
  const LeftBehind one = std::move(left_behind_[index]);
  left_behind_.erase(left_behind_.begin() + static_cast<std::ptrdiff_t>(index));
  if (!one.end_sent) {
    if (one.producer->abort().ok()) coverage_.hit(Event::kTimedOut);
    return;
  }
  const Status ended = one.producer->end().status();
  coverage_.hit(ended.ok() ? Event::kLateEndApplied : Event::kLateEndFenced);
  trace_.say(now_ms_ - kBaseMs, "a delayed end of a transaction arrives: {}", ended.ok() ? "applied" : ended.message());
}

void World::time_out(Life& life, size_t worker) {
  Transactions& transactions = life.process->transactions(worker);
  if (transactions.phase() != Transactions::Phase::kBegun && transactions.phase() != Transactions::Phase::kEnding) return;
  log_.time_out(transactions.id());
  transactions.time_out();
  coverage_.hit(Event::kTimedOut);
  trace_.say(now_ms_ - kBaseMs, "the transaction of {} times out", transactions.id());
}

void World::stand_still(int64_t ms) {
  for (const auto& life : lives_) {
    for (size_t worker = 0; worker < life->process->workers(); ++worker) time_out(*life, worker);
  }
  now_ms_ += ms;
  coverage_.hit(Event::kLongPause);
}

void World::pass_half_a_day() {
  stand_still(kMoreThanADayMs / 2);
  trace_.say(now_ms_ - kBaseMs, "half a day goes by");
}

void World::pass_a_day() {
  stand_still(kMoreThanADayMs);
  ++day_;
  for (const auto& life : lives_) life->instance->disks[life->disk].set_day(day_);
  trace_.say(now_ms_ - kBaseMs, "a day goes by");
}

void World::compact() {
  for (int32_t partition = 0; partition < engine_.partials; ++partition) {
    log_.compact({kChangelog, partition}, WallTime{now_ms_ - kTombstonesKeptMs});
  }
  compacted_ = true;
  coverage_.hit(Event::kChangelogCompacted);
  trace_.say(now_ms_ - kBaseMs, "the changelog is compacted");
}

void World::lose_changelog() {
  for (int32_t partition = 0; partition < engine_.partials; ++partition) {
    log_.truncate({kChangelog, partition}, reader_->bounds({kChangelog, partition})->second);
  }
  changelog_lost_ = true;
  misled_ = true;
  coverage_.hit(Event::kChangelogLost);
  trace_.say(now_ms_ - kBaseMs, "somebody deletes the records of the changelog");
}

void World::shorten_changelog(int32_t partition, int64_t end) {
  if (!log_.shorten({kChangelog, partition}, end)) return;
  changelog_lost_ = true;
  misled_ = true;
  coverage_.hit(Event::kChangelogShortened);
  trace_.say(now_ms_ - kBaseMs, "the changelog of partition {} ends at {} from now on", partition, end);
}

bool World::read_to_end(const std::string& group, const std::string& topic, int32_t partitions) {
  for (int32_t partition = 0; partition < partitions; ++partition) {
    const int64_t end = reader_->bounds({topic, partition})->second;
    if (end == 0) continue;
    const auto committed = log_.committed(group, {topic, partition});
    if (!committed || committed->offset < end) return false;
  }
  return true;
}

std::string World::standing() {
  std::string text;
  const auto tell = [&](const std::string& group, const std::string& topic, int32_t partitions) {
    for (int32_t partition = 0; partition < partitions; ++partition) {
      const auto committed = log_.committed(group, {topic, partition});
      text += fmt::format(" {}-{} {} of {}{};", topic, partition, committed ? committed->offset : 0,
                          reader_->bounds({topic, partition})->second, committed ? "" : " (none committed)");
    }
  };
  tell("aggregate", kInput, input_partitions_);
  tell("evaluate", kPartials, engine_.partials);
  for (const auto& life : lives_) {
    text += fmt::format(" {} {}", life->process->name(), life->process->idle() ? "idle" : "busy");
    if (life->process->doomed || life->process->stopping || life->process->paused) text += " (not running)";
  }
  return text + (all_fed() ? "" : "; not all written");
}

bool World::drained() {
  return all_fed() && read_to_end("aggregate", kInput, input_partitions_) && read_to_end("evaluate", kPartials, engine_.partials) &&
         std::all_of(lives_.begin(), lives_.end(), [](const auto& life) { return life->process->idle(); });
}

void World::violate(std::string what) {
  trace_.say(now_ms_ - kBaseMs, "VIOLATION: {}", what);
  if (!violation_) violation_ = std::move(what);
}

}  // namespace tocsin::simulation
