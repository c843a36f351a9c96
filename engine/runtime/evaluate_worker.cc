#include "engine/runtime/evaluate_worker.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "engine/base/test_switches.h"
#include "operators/format.h"
#include "state/changelog.h"

namespace tocsin {
namespace {

// Adding up what evaluators hold takes microseconds: not at every step.
constexpr Duration kMeasureInterval{20};
constexpr Duration kTicksWait{1};

}  // namespace

EvaluateWorker::EvaluateWorker(EvaluateOptions options, std::shared_ptr<const Plan> plan, StoreLeases& leases, log::PartitionReader& reader,
                               Committer& committer, FlightRecorder& recorder, Clock clock)
    : options_(std::move(options)),
      plan_(std::move(plan)),
      leases_(leases),
      reader_(reader),
      committer_(committer),
      recorder_(recorder),
      clock_(std::move(clock)),
      last_commit_(clock_()),
      last_store_flush_(clock_()) {}

EvaluateWorker::~EvaluateWorker() {
  if (options_.ledger != nullptr) options_.ledger->measured(memory_.groups + memory_.totals, 0);
}

Status EvaluateWorker::step(Duration timeout) {
  TOCSIN_RETURN_IF_ERROR(settle(committer_.poll()));
  TOCSIN_RETURN_IF_ERROR(wait_for_room());
  // Ticks that are left over need no input, but maybe the end of a transaction: milliseconds as a rule, half a minute without brokers.
  const Duration patience = committer_.busy() ? kTicksWait : Duration{0};
  Status polled = consumer_->poll(ticks_left() ? std::min(patience, timeout) : timeout, records_);
  if (polled.code() == StatusCode::kUnavailable) {
    spdlog::warn("evaluate {}: {}", options_.worker, polled.message());
  } else if (!polled.ok()) {
    return polled;
  }
  TOCSIN_RETURN_IF_ERROR(std::exchange(failure_, Status()));
  // A restore that failed, and was not asked for again: the partitions went elsewhere.
  if (polled.ok() && recorder_.phase() == FlightRecorder::Phase::kRestoring) recorder_.enter(FlightRecorder::Phase::kRunning);
  tell_of_groups();
  TOCSIN_RETURN_IF_ERROR(apply_records());
  TOCSIN_RETURN_IF_ERROR(advance());
  probe_ends();
  if (commit_due() && !committer_.busy()) TOCSIN_RETURN_IF_ERROR(commit());
  if (has_passed(options_.flush_interval, last_store_flush_, clock_())) {
    last_store_flush_ = clock_();
    return leases_.store().flush();
  }
  return {};
}

// Once: with the first assignment what there was before the start is here. The listener is not told of an empty one: that is what it was if
// nothing comes after joining.
void EvaluateWorker::tell_of_groups() {
  constexpr Duration kAssignmentFollows{2'000};
  if (groups_told_ || options_.ledger == nullptr || consumer_->group_metadata() == nullptr) return;
  if (!joined_at_) joined_at_ = clock_();
  if (tasks_.empty() && !has_passed(kAssignmentFollows, *joined_at_, clock_())) return;
  groups_told_ = true;
  options_.ledger->restored();
}

void EvaluateWorker::probe_ends() {
  constexpr Duration kInterval{1'000};
  constexpr Duration kLost{5'000};  // an answer that is long overdue was lost with its connection
  const WallTime now = clock_();
  if (!has_passed(kInterval, last_probe_, now)) return;
  last_probe_ = now;
  for (auto& [source, task] : tasks_) {
    if (task.probing_since && !has_passed(kLost, *task.probing_since, now)) continue;
    task.probing_since = now;
    consumer_->probe_end(source);
  }
}

void EvaluateWorker::on_end(int32_t source, int64_t end, WallTime) {
  last_contact_ = clock_();
  const auto task = tasks_.find(source);
  if (task == tasks_.end()) return;
  task->second.end = end;
  task->second.probing_since.reset();
}

bool EvaluateWorker::ticks_left() const {
  return std::any_of(tasks_.begin(), tasks_.end(), [](const auto& entry) { return entry.second.more; });
}

void EvaluateWorker::measure_memory() {
  if (!has_passed(kMeasureInterval, last_measured_, clock_())) return;
  last_measured_ = clock_();
  const size_t before = memory_.groups + memory_.totals;
  memory_ = {};
  for (const auto& [source, task] : tasks_) {
    const Evaluator::Memory memory = task.evaluator->memory();
    memory_.groups += memory.groups;
    memory_.totals += memory.totals;
    memory_.waiting += memory.waiting;
    memory_.changes += memory.changes;
  }
  if (options_.ledger != nullptr) options_.ledger->measured(before, memory_.groups + memory_.totals);
  tell_of_memory();
}

// Beyond its memory the worker reads no more while something frees memory without input: ticks that are left over, a transaction in flight.
// It never waits for open panes: the frames that would close them may be behind the pause (DESIGN 5).
Status EvaluateWorker::wait_for_room() {
  measure_memory();
  const auto must_wait = [this] {
    // If it is groups that take the memory, nothing comes of waiting.
    const bool worth_it = memory_.waiting + memory_.changes > options_.memory_bytes / 4;
    return worth_it && memory_bytes() > options_.memory_bytes && (ticks_left() || committer_.busy());
  };
  bool wait = must_wait();
  if (wait && !waiting_for_room_ && committer_.busy()) {
    TOCSIN_RETURN_IF_ERROR(settle(committer_.wait_for(options_.commit_patience)));
    last_measured_ = {};
    measure_memory();
    wait = must_wait();
  }
  if (wait == waiting_for_room_) return {};
  waiting_for_room_ = wait;
  if (wait) ++counters_.pauses;
  for (const auto& [source, task] : tasks_) wait ? consumer_->pause(source) : consumer_->resume(source);
  return {};
}

void EvaluateWorker::tell_of_memory() {
  const Evaluator::Memory& now = memory_;
  // Told again only when it has been well below for once.
  const bool over = over_budget_ ? now.total() > options_.memory_bytes / 10 * 9 : now.total() > options_.memory_bytes;
  if (over == over_budget_) return;
  over_budget_ = over;
  if (!over) {
    spdlog::warn("evaluate {}: {} MiB, within its share of `memory` again", options_.worker, now.total() >> 20);
    return;
  }
  spdlog::warn(
      "evaluate {}: {} MiB are more than its share of `memory`, {} MiB: {} groups take {} MiB and their window totals {} MiB, rows that "
      "wait for their tick {} MiB, changes not stored yet {} MiB. Group by labels with fewer values, or raise `memory`",
      options_.worker, now.total() >> 20, options_.memory_bytes >> 20, group_count(), now.groups >> 20, now.totals >> 20, now.waiting >> 20,
      now.changes >> 20);
}

Status EvaluateWorker::apply_records() {
  if (!records_.records.empty()) last_contact_ = clock_();
  for (const log::Record& record : records_.records) {
    const auto task = tasks_.find(record.source);
    if (task == tasks_.end()) continue;
    Evaluator& evaluator = *task->second.evaluator;
    const uint64_t repeated = evaluator.counters().duplicate_frames;
    if (record.has_value) TOCSIN_RETURN_IF_ERROR(evaluator.apply(record.value, record.offset));
    task->second.consumed = true;
    if (evaluator.counters().duplicate_frames != repeated) tell_of_repeats(partition_of(record.source), record.offset);
  }
  return {};
}

void EvaluateWorker::tell_of_repeats(int32_t partition, int64_t offset) {
  constexpr Duration kInterval{10'000};
  if (last_told_of_repeats_ && !has_passed(kInterval, *last_told_of_repeats_, clock_())) return;
  last_told_of_repeats_ = clock_();
  spdlog::warn(
      "evaluate {}: the frame at offset {} of partials partition {} speaks of input that was counted before, and is dropped. Either the "
      "offsets of the aggregate group were set back, or an input topic was deleted and made anew: then what is written to it counts only "
      "beyond the old offsets; start over with another `app` name",
      options_.worker, offset, partition);
}

Status EvaluateWorker::advance() {
  for (auto& [source, task] : tasks_) {
    // A partition whose changes fill a transaction waits until that one is on its way.
    if (task.more && committer_.busy()) continue;
    // After a restore, ticks have to wait until the rows that had not taken effect have been read again.
    if (!restored(source, task) && !test_switches::defect("ticks_before_replay_ends")) continue;
    const std::optional<EventTime> before = task.evaluator->evaluated();
    const Result<bool> more = task.evaluator->advance(options_.transaction_bytes);
    if (!more.ok()) return more.status();
    task.more = *more;
    const std::optional<EventTime> evaluated = task.evaluator->evaluated();
    if (evaluated && evaluated != before) tick_delay_.observe(clock_() - WallTime{evaluated->ms});
  }
  return {};
}

bool EvaluateWorker::commit_due() const {
  bool uncommitted = false;
  bool alerts = false;
  for (const auto& [source, task] : tasks_) {
    if (task.more) return true;
    uncommitted = uncommitted || task.uncommitted();
    alerts = alerts || task.evaluator->has_alerts();
  }
  const auto passed = [this](Duration interval) { return has_passed(interval, last_commit_, clock_()); };
  if (catches_up()) return uncommitted && passed(std::max(options_.commit_interval, options_.catch_up_interval));
  return alerts || (uncommitted && passed(options_.commit_interval));
}

// As in stage 1: nobody waits for an alert of long ago by the tenth of a second.
bool EvaluateWorker::catches_up() const {
  EventTime latest = EventTime::min();
  for (const auto& [source, task] : tasks_) latest = std::max(latest, task.evaluator->evaluated().value_or(EventTime::min()));
  return clock_() - WallTime{latest.ms} > kFarBehind;
}

void EvaluateWorker::append_alert(RaisedAlert& alert, log::Transaction& transaction) {
  if (alert.arrival) alert.event.mutable_evidence()->set_detection_ms(std::max<int64_t>(0, (clock_() - *alert.arrival).ms));
  ++counters_.alerts;
  if (!test_switches::defect("drop_alert") || counters_.alerts % 16 != 0) {
    append_alert_records(alert.event, options_.alerts, transaction.records);
  }
  const WallTime tick{parse_rfc3339(alert.event.evaluated_at()).value_or(0)};
  alerts_in_flight_.push_back({alert.event.rule(), alert.event.state(), tick, alert.arrival});
}

Status EvaluateWorker::commit() {
  log::Transaction transaction;
  transaction.group = consumer_->group_metadata();
  if (transaction.group == nullptr) return {};
  for (auto& [source, task] : tasks_) {
    if (!task.uncommitted()) continue;
    const int64_t position = consumer_->position(source);
    // Records below the committed offset are read again only to fill memory: there is nothing to commit before they are through.
    if (position < task.evaluator->next_offset().value_or(0)) continue;
    for (RaisedAlert& alert : task.evaluator->take_alerts()) append_alert(alert, transaction);
    const std::shared_ptr<const state::WriteBatch> batch = task.evaluator->seal(position, task.changelog_end);
    for (const state::WriteBatch::Operation& operation : batch->operations) {
      const state::ChangelogRecord record = state::encode(operation);
      if (test_switches::defect("tombstones_not_written") && !record.value) continue;
      log::OutRecord& out = transaction.records.emplace_back();
      out.topic = options_.changelog_topic;
      out.partition = partition_of(source);
      out.key = std::string(record.key);
      if (record.value) out.value = std::string(*record.value);
    }
    const int64_t next = test_switches::defect("partials_offset_without_one") ? position - 1 : position;
    transaction.offsets.push_back({consumer_->sources()[static_cast<size_t>(source)], next, ""});
    if (test_switches::defect("store_before_commit")) (void)task.lease.write(*batch);
    in_flight_.push_back({source, task.lease, batch});
    task.consumed = false;
  }
  if (in_flight_.empty()) return {};
  last_commit_ = clock_();
  test_switches::failpoint("evaluate_seal");
  committer_.submit(std::move(transaction));
  return {};
}

std::optional<int64_t> EvaluateWorker::changelog_end(const log::CommitReceipt& receipt, int32_t partition) const {
  for (const auto& [where, last] : receipt.last_offsets) {
    const bool same = where.partition == partition || test_switches::defect("changelog_place_of_another");
    if (where.topic == options_.changelog_topic && same) return last < 0 ? std::nullopt : std::optional(last + 1);
  }
  TOCSIN_CHECK(false, "a committed transaction does not say where its changelog records are");
  return std::nullopt;
}

// So many records were written behind what was there.
Status EvaluateWorker::move_changelog_end(Task& task, std::optional<int64_t> end, size_t records) {
  if (!end) return {};
  const int64_t least = task.changelog_end + static_cast<int64_t>(records);
  TOCSIN_RETURN_IF_ERROR(check_changelog_whole(static_cast<uint32_t>(task.lease.partition()), *end - 1, least - 1));
  task.changelog_end = *end;
  return {};
}

Status EvaluateWorker::write_committed(const log::CommitReceipt& receipt) {
  test_switches::failpoint("evaluate_committed");
  for (const InFlight& done : std::exchange(in_flight_, {})) {
    const int32_t partition = partition_of(done.source);
    Task& task = tasks_.at(done.source);  // drop_all() forgets both
    TOCSIN_RETURN_IF_ERROR(move_changelog_end(task, changelog_end(receipt, partition), done.batch->operations.size()));
    state::WriteBatch batch = *done.batch;
    batch.put(changelog_position_key(static_cast<uint32_t>(partition)), encode_changelog_position({task.changelog_end, clock_()}));
    const Result<bool> written = done.lease.write(batch);
    if (!written.ok()) return written.status();
    if (!*written) continue;  // another worker has the partition, and these rows from the changelog
    task.evaluator->release();
    test_switches::failpoint("evaluate_partition_stored");
  }
  test_switches::failpoint("evaluate_stored");
  recorder_.enter(FlightRecorder::Phase::kRunning);
  ++counters_.commits;
  count_committed_alerts();
  return {};
}

void EvaluateWorker::count_committed_alerts() {
  const WallTime now = clock_();
  for (AlertInFlight& alert : std::exchange(alerts_in_flight_, {})) {
    alert_commit_delay_.observe(now - alert.tick);
    if (alert.arrival) alert_detection_.observe(now - *alert.arrival);
    ++alerts_committed_[{std::move(alert.rule), std::move(alert.state)}];
  }
}

Status EvaluateWorker::settle(std::optional<Result<log::CommitReceipt>> outcome) {
  if (!outcome) return {};
  if (outcome->ok()) return write_committed(**outcome);
  in_flight_.clear();
  alerts_in_flight_.clear();
  const Status& status = outcome->status();
  if (!healed_by_rewind(status)) return status;
  if (test_switches::defect("partials_trusts_time_out") && status.code() == StatusCode::kUnavailable) return {};
  spdlog::warn("evaluate {}: transaction not committed ({}); going back to the committed state", options_.worker, status.message());
  ++counters_.rewinds;
  test_switches::failpoint("evaluate_rewind");
  Status rewound = consumer_->rewind();
  if (rewound.code() != StatusCode::kUnavailable) return rewound;
  spdlog::warn("evaluate {}: {}", options_.worker, rewound.message());
  return {};  // the next polls go on with it
}

bool EvaluateWorker::idle() const {
  return !committer_.busy() && in_flight_.empty() &&
         std::none_of(tasks_.begin(), tasks_.end(), [](const auto& entry) { return entry.second.uncommitted() || entry.second.more; });
}

// What a transaction that failed held is done again by the next owner: to restore it here would only delay the end.
Status EvaluateWorker::close() {
  const auto outcome = committer_.wait();
  Status last = !outcome ? Status() : outcome->ok() ? write_committed(**outcome) : outcome->status();
  if (!last.ok()) {
    spdlog::warn("evaluate {}: the last transaction was not completed ({}); the next owner sees to it", options_.worker, last.message());
    drop_all();
  }
  const Status closed = consumer_->close();
  if (!last.ok() && (outcome->ok() || !healed_by_rewind(last))) return last;
  return failure_.ok() ? closed : failure_;
}

std::optional<EventTime> EvaluateWorker::evaluated() const {
  std::optional<EventTime> least;
  for (const auto& [source, task] : tasks_) {
    if (!task.evaluator->evaluated()) return std::nullopt;
    least = std::min(least.value_or(EventTime::max()), *task.evaluator->evaluated());
  }
  return least;
}

std::optional<EventTime> EvaluateWorker::watermark() const {
  std::optional<EventTime> least;
  for (const auto& [source, task] : tasks_) {
    if (!task.evaluator->watermark()) return std::nullopt;
    least = std::min(least.value_or(EventTime::max()), *task.evaluator->watermark());
  }
  return least;
}

size_t EvaluateWorker::group_count() const {
  size_t count = 0;
  for (const auto& [source, task] : tasks_) count += task.evaluator->group_count();
  return count;
}

EvaluatorCounters EvaluateWorker::evaluator_counters() const {
  EvaluatorCounters sum = retired_;
  for (const auto& [source, task] : tasks_) {
    const EvaluatorCounters& counters = task.evaluator->counters();
    sum.frames += counters.frames;
    sum.duplicate_frames += counters.duplicate_frames;
    sum.rows += counters.rows;
    sum.rows_of_unknown_views += counters.rows_of_unknown_views;
    sum.ticks += counters.ticks;
    sum.alerts += counters.alerts;
  }
  return sum;
}

WorkerMetrics EvaluateWorker::metrics() {
  WorkerMetrics metrics;
  const WallTime now = clock_();
  bool all_restored = true;
  for (auto& [source, task] : tasks_) {
    const log::TopicPartition& name = consumer_->sources()[static_cast<size_t>(source)];
    PartitionMetrics& partition = metrics.partitions.emplace_back();
    partition.topic = name.topic;
    partition.partition = name.partition;
    if (task.end) partition.lag = std::max<int64_t>(0, *task.end - consumer_->position(source));
    partition.watermark = task.evaluator->watermark();
    partition.evaluated = task.evaluator->evaluated();
    task.stall.update(partition.watermark, partition.lag.value_or(0) > 0, now);
    partition.stalled_since = task.stall.since();
    partition.held_back_by = task.evaluator->slowest_input();
    all_restored = all_restored && restored(source, task);
    for (size_t rule = 0; rule < plan_->rules.size(); ++rule) {
      const LiveInstances live = task.evaluator->live_instances(rule);
      LiveInstances& sum = metrics.instances[plan_->rules[rule].rule.name];
      sum.pending += live.pending;
      sum.firing += live.firing;
    }
  }
  if (consumer_->group_metadata() != nullptr) {
    metrics.phase = all_restored ? WorkerMetrics::Phase::kWorking : WorkerMetrics::Phase::kRestoring;
  }
  // A member without partitions asks for nothing, so it hears nothing.
  const bool asks = !metrics.partitions.empty() || metrics.phase == WorkerMetrics::Phase::kJoining;
  if (asks) metrics.last_contact = last_contact_;
  const EvaluatorCounters evaluator = evaluator_counters();
  metrics.frames_applied = evaluator.frames;
  metrics.frames_repeated = evaluator.duplicate_frames;
  metrics.rows_applied = evaluator.rows;
  metrics.rows_of_unknown_views = evaluator.rows_of_unknown_views;
  metrics.ticks = evaluator.ticks;
  metrics.groups = group_count();
  metrics.restores = counters_.restores;
  metrics.changelog_records_read = static_cast<uint64_t>(counters_.changelog_records_read);
  metrics.alerts_committed = alerts_committed_;
  metrics.tick_delay = tick_delay_;
  metrics.alert_commit_delay = alert_commit_delay_;
  metrics.alert_detection = alert_detection_;
  metrics.memory_bytes = memory_bytes();
  metrics.memory_budget_bytes = memory_budget_bytes();
  metrics.input_pauses = counters_.pauses;
  metrics.transactions_rolled_back = counters_.rewinds;
  metrics.commit_durations = committer_.durations();
  return metrics;
}

}  // namespace tocsin
