#include "engine/runtime/aggregate_worker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "engine/base/test_switches.h"
#include "engine/runtime/dead_letters.h"
#include "engine/runtime/frames.h"
#include "operators/format.h"

namespace tocsin {
namespace {

// Fewer records than this in a poll, and no more of them known to be there: the worker has caught up with its input.
constexpr size_t kDrainedRecords = 100;
constexpr size_t kDeadLetterOverheadBytes = 512;  // its headers

Status refuse_metadata(const log::TopicPartition& partition, const std::string& metadata) {
  if (PartitionClock::is_of_newer_version(metadata)) {
    return data_loss(fmt::format(
        "the committed offset of {}-{} carries metadata (\"{}\") that a newer version of Tocsin has written, and this one cannot "
        "read. Nothing is lost; start that version, or a later one, here too",
        partition.topic, partition.partition, metadata));
  }
  return data_loss(fmt::format(
      "the committed offset of {}-{} carries metadata that is not ours (\"{}\"): the group's offsets were changed by something else. "
      "Without it nobody knows which events are late. Restore the offsets, or choose another `app` name",
      partition.topic, partition.partition, metadata));
}

}  // namespace

AggregateWorker::AggregateWorker(AggregateOptions options, std::shared_ptr<const Plan> plan, Committer& committer, Clock clock)
    : options_(std::move(options)),
      plan_(std::move(plan)),
      committer_(committer),
      clock_(std::move(clock)),
      decoder_(plan_->fields, options_.format),
      events_(plan_->fields.size()),
      aggregator_(plan_, {options_.allowed_lateness, options_.series}),
      started_(clock_()),
      last_flush_(clock_()) {}

AggregateWorker::Input& AggregateWorker::input(int32_t source) {
  if (static_cast<size_t>(source) >= inputs_.size()) inputs_.resize(static_cast<size_t>(source) + 1);
  return inputs_[static_cast<size_t>(source)];
}

Status AggregateWorker::step(Duration timeout) {
  TOCSIN_RETURN_IF_ERROR(settle(committer_.poll()));
  look_for_groups();
  TOCSIN_RETURN_IF_ERROR(wait_for_room());
  Status polled = consumer_->poll(timeout, records_);
  if (polled.code() == StatusCode::kUnavailable) {
    spdlog::warn("aggregate {}: {}", options_.worker, polled.message());
  } else if (!polled.ok()) {
    return polled;
  }
  if (!groups_known_) {
    if (!records_.records.empty()) early_.push_back(std::exchange(records_, {}));
    pause_and_resume();
    return {};
  }
  for (const log::RecordBatch& batch : std::exchange(early_, {})) take_records(batch);
  take_records(records_);
  pause_and_resume();
  probe_ends();
  if (flush_due() && !committer_.busy()) return flush();
  return {};
}

// What is open may not grow while it cannot be handed over. Transactions take milliseconds as a rule, and pausing throws away what the
// client library has fetched: so wait in place first. A long one must not keep the group waiting: then go on polling, with all paused.
Status AggregateWorker::wait_for_room() {
  if (full() && committer_.busy() && !waiting_for_room_) TOCSIN_RETURN_IF_ERROR(settle(committer_.wait_for(options_.commit_patience)));
  const bool wait = full() && committer_.busy();
  if (wait == waiting_for_room_) return {};
  waiting_for_room_ = wait;
  if (wait) ++counters_.pauses;
  pause_and_resume();
  return {};
}

// Stage 2 restores its groups when the process starts. Before they are known, a flood that goes on would get names for new groups beside
// them. It takes a second or two as a rule; others need our watermarks, so there is an end to it. What comes before the partitions are
// paused is kept unread. The consumer's position is behind it, so nothing may be flushed or proven of a partition meanwhile.
void AggregateWorker::look_for_groups() {
  if (groups_known_) return;
  const GroupLedger* ledger = options_.series.ledger;
  groups_known_ = ledger == nullptr || ledger->complete() || has_passed(options_.groups_patience, started_, clock_());
}

void AggregateWorker::take_records(const log::RecordBatch& batch) {
  take_all(batch);
  drained_ = batch.records.size() < kDrainedRecords && !known_to_lag();
}

void AggregateWorker::take_all(const log::RecordBatch& batch) {
  if (batch.records.empty()) return;
  const WallTime now = clock_();
  last_contact_ = now;
  for (const log::Record& record : batch.records) {
    Input& in = input(record.source);
    if (!in.assigned) continue;
    if (!in.started) in.from = record.offset;
    in.started = true;
    in.next = record.offset + 1;
    ++counters_.messages;
    counters_.bytes += record.value.size();
    events_.clear();
    if (record.has_value) decoder_.decode(record.value, record.content_type, record.padded ? Decoder::kPadding : 0, events_);
    if (options_.max_future_skew) refuse_future_events(now);
    for (const DeadLetter& letter : events_.dead_letters()) {
      dead_letters_.push_back(
          make_dead_letter(letter, consumer_->sources()[static_cast<size_t>(record.source)], record.offset, options_.dead_letters_topic));
      dead_letter_bytes_ += dead_letters_.back().value->size() + kDeadLetterOverheadBytes;
      ++counters_.dead_letters;
      ++dead_letter_reasons_[letter.reason];
    }
    const std::optional<EventTime> append_time = record.log_append_time ? std::optional(EventTime{record.timestamp_ms}) : std::nullopt;
    aggregator_.add(events_, in.clock, append_time);
    in.changed = true;
    in.last_arrival = now;
    // Stamped by the producer or the broker; files have no such time, and a clock that is ahead of ours counts as ours.
    if (record.timestamp_ms > 0) oldest_record_ = std::min(oldest_record_.value_or(now), WallTime{record.timestamp_ms});
  }
}

// A poll that brings little may also have come before the next fetch.
bool AggregateWorker::known_to_lag() const {
  return std::any_of(inputs_.begin(), inputs_.end(), [](const Input& in) {
    return in.assigned && !in.paused && in.started && in.end && *in.end - in.next >= static_cast<int64_t>(kDrainedRecords);
  });
}

void AggregateWorker::refuse_future_events(WallTime now) {
  const EventTime latest{(now + *options_.max_future_skew).ms};
  for (Event& event : events_.events()) {
    if (event.time <= latest) continue;
    event.refused = true;
    events_.reject(event.index,
                   fmt::format("timestamp is more than {} ahead of the wall clock", format_duration(*options_.max_future_skew)), event.raw);
  }
}

EventTime AggregateWorker::slowest_watermark() const {
  EventTime slowest = EventTime::max();
  for (const Input& in : inputs_) {
    if (in.assigned && !in.finished) slowest = std::min(slowest, in.clock.watermark());
  }
  return slowest;
}

// One partition far behind must not pile up rows of the others: those too far ahead wait (DESIGN 3). All wait if there is no room.
void AggregateWorker::pause_and_resume() {
  const EventTime slowest = slowest_watermark();
  for (int32_t source = 0; source < static_cast<int32_t>(inputs_.size()); ++source) {
    Input& in = input(source);
    if (!in.assigned || in.finished) continue;
    // A partition without a watermark may never get one (it is empty): it holds nobody back here.
    const bool ahead = slowest != EventTime::min() && in.clock.watermark() > slowest + options_.alignment;
    const bool pause = ahead || waiting_for_room_ || !groups_known_;
    if (pause == in.paused) continue;
    in.paused = pause;
    pause ? consumer_->pause(source) : consumer_->resume(source);
  }
}

// A quiet partition is asked as often as ticks come, so that time goes on; a busy one now and then, to know the lag.
void AggregateWorker::probe_ends() {
  if (!options_.idle_timeout && !options_.max_future_skew) return;  // files
  const WallTime now = clock_();
  for (int32_t source = 0; source < static_cast<int32_t>(inputs_.size()); ++source) {
    Input& in = input(source);
    if (!in.assigned || in.finished) continue;
    in.last_arrival = std::min(in.last_arrival, now);  // the clock may have been set back
    const bool quiet = options_.idle_timeout && !in.paused && now - in.last_arrival >= *options_.idle_timeout;
    // A probe whose answer is long overdue was lost with its connection.
    if (in.probing && !has_passed(Duration{5000}, in.last_probe, now)) continue;
    if (!has_passed(quiet ? plan_->resolution : Duration{1000}, in.last_probe, now)) continue;
    in.probing = true;
    in.last_probe = now;
    consumer_->probe_end(source);
  }
}

void AggregateWorker::on_end(int32_t source, int64_t end, WallTime asked_at) {
  Input& in = input(source);
  in.probing = false;
  in.end = end;
  last_contact_ = clock_();
  if (!all_taken()) return;
  if (!in.assigned || !options_.idle_timeout || clock_() - in.last_arrival < *options_.idle_timeout) return;
  // Proof: at `asked_at` the readable end was where we stand, and nothing has come since.
  const bool proven = consumer_->position(source) == end && in.last_arrival <= asked_at;
  if (!proven && !test_switches::defect("idle_without_proof")) return;
  if (in.clock.follow_wall_clock(EventTime{asked_at.ms})) in.changed = true;
}

void AggregateWorker::on_finished(int32_t source) {
  input(source).finished = true;
  input(source).changed = true;
}

void AggregateWorker::on_range_lost(int32_t source, int64_t from, int64_t to) {
  spdlog::error("aggregate {}: offsets {} to {} of {}-{} can no longer be read (retention); going on at {}", options_.worker, from, to,
                consumer_->sources()[static_cast<size_t>(source)].topic, consumer_->sources()[static_cast<size_t>(source)].partition, to);
  Input& in = input(source);
  in.lost += to - from;
  in.changed = true;
  counters_.lost_offsets += static_cast<uint64_t>(to - from);
}

bool AggregateWorker::changed() const {
  return std::any_of(inputs_.begin(), inputs_.end(), [](const Input& in) { return in.assigned && in.changed; });
}

bool AggregateWorker::flush_due() const {
  if (!changed()) return false;
  if (full()) return true;
  const Duration interval = catches_up() ? std::max(options_.flush_interval, options_.catch_up_interval) : options_.flush_interval;
  if (has_passed(interval, last_flush_, clock_())) return true;
  if (std::all_of(inputs_.begin(), inputs_.end(), [](const Input& in) { return !in.assigned || in.finished; })) return true;
  // While catching up ticks are crossed all the time; only at the end of the log is a crossed tick worth a flush of its own.
  return drained_ && floor_to(slowest_watermark(), plan_->resolution) > flushed_watermark_;
}

// Then nobody waits for a single flush, and larger ones cost less: a transaction goes to every partials partition, however little it holds.
bool AggregateWorker::catches_up() const { return !drained_ && clock_() - WallTime{slowest_watermark().ms} > kFarBehind; }

v1::Frame AggregateWorker::make_header() {
  v1::Frame header;
  header.set_format(frame_format());
  header.set_worker(options_.worker);
  header.set_sequence(++sequence_);
  header.set_partitions(options_.partials_partitions);
  header.set_plan(plan_->version);
  header.set_resolution_ms(plan_->resolution.ms);
  if (oldest_record_) header.set_oldest_record_ms(oldest_record_->ms);
  for (const auto& [name, count] : partition_counts_) {
    v1::InputTopic& topic = *header.add_topics();
    topic.set_name(name);
    topic.set_partitions(count);
  }
  for (int32_t source = 0; source < static_cast<int32_t>(inputs_.size()); ++source) {
    Input& in = input(source);
    if (!in.assigned || !in.changed) continue;
    if (!in.started) in.from = in.next = consumer_->position(source);
    in.started = true;
    const log::TopicPartition& partition = consumer_->sources()[static_cast<size_t>(source)];
    v1::InputProgress& progress = *header.add_inputs();
    const auto topic =
        std::find_if(partition_counts_.begin(), partition_counts_.end(), [&](const auto& entry) { return entry.first == partition.topic; });
    TOCSIN_CHECK(topic != partition_counts_.end(), "a partition of a topic that was not subscribed");
    progress.set_topic(static_cast<uint32_t>(topic - partition_counts_.begin()));
    progress.set_partition(partition.partition);
    progress.set_from(in.from);
    progress.set_to(consumer_->position(source));
    if (in.clock.has_watermark()) progress.set_watermark_ms(in.clock.watermark().ms);
    if (in.clock.first_event()) progress.set_first_event_ms(in.clock.first_event()->ms);
    if (in.clock.largest_event()) progress.set_largest_event_ms(in.clock.largest_event()->ms);
    progress.set_idle(in.clock.idle());
    progress.set_finished(in.finished);
    progress.set_lost(in.lost);
  }
  return header;
}

void AggregateWorker::add_offsets(log::Transaction& transaction) {
  for (int32_t source = 0; source < static_cast<int32_t>(inputs_.size()); ++source) {
    Input& in = input(source);
    if (!in.assigned || !in.changed) continue;
    const int64_t position = consumer_->position(source);
    const int64_t next = test_switches::defect("input_offset_without_one") ? std::max<int64_t>(position - 1, 0) : position;
    transaction.offsets.push_back({consumer_->sources()[static_cast<size_t>(source)], next, in.clock.encode()});
    in.from = position;
    in.lost = 0;
    in.changed = false;
  }
}

Status AggregateWorker::flush() {
  log::Transaction transaction;
  transaction.group = consumer_->group_metadata();
  if (transaction.group == nullptr) return {};  // between two generations: what is open is dropped or flushed by the listener calls
  const v1::Frame header = make_header();
  transaction.records =
      make_frames(header, aggregator_.take(options_.partials_partitions), options_.partials_topic, options_.frame_part_bytes);
  counters_.frames += transaction.records.size();
  for (const log::OutRecord& record : transaction.records) counters_.frame_bytes += record.value->size();
  tell_of_overflow();
  std::move(dead_letters_.begin(), dead_letters_.end(), std::back_inserter(transaction.records));
  dead_letters_.clear();
  dead_letter_bytes_ = 0;
  oldest_record_.reset();
  add_offsets(transaction);
  last_flush_ = clock_();
  flushed_watermark_ = floor_to(slowest_watermark(), plan_->resolution);
  ++counters_.flushes;
  test_switches::failpoint("aggregate_flush");
  committer_.submit(std::move(transaction));
  return {};
}

Status AggregateWorker::settle(std::optional<Result<log::CommitReceipt>> outcome) {
  if (!outcome || outcome->ok()) return {};
  const Status& status = outcome->status();
  if (!healed_by_rewind(status)) return status;
  if (test_switches::defect("input_trusts_time_out") && status.code() == StatusCode::kUnavailable) return {};
  if (test_switches::defect("aborted_not_done_again") && status.code() == StatusCode::kAborted) return {};
  spdlog::warn("aggregate {}: transaction not committed ({}); reading again from the committed offsets", options_.worker, status.message());
  ++counters_.rewinds;
  test_switches::failpoint("aggregate_rewind");
  Status rewound = consumer_->rewind();
  if (rewound.code() != StatusCode::kUnavailable) return rewound;
  spdlog::warn("aggregate {}: {}", options_.worker, rewound.message());
  return {};  // the next polls go on with it
}

void AggregateWorker::tell_of_overflow() {
  const OverflowStatus now = aggregator_.overflow();
  if (now.labels == overflowed_) return;
  if (now.labels.empty()) {
    spdlog::warn("aggregate {}: labels no longer overflow: new values of {} have groups of their own again", options_.worker,
                 fmt::join(overflowed_, ", "));
  } else {
    const GroupLedger* ledger = options_.series.ledger;
    const std::string groups =
        ledger == nullptr ? "" : fmt::format("; groups in stage 2 take {} of {} MiB", ledger->used() >> 20, ledger->limit() >> 20);
    spdlog::warn(
        "aggregate {}: too many label values: {} series (aggregate.max_series {}), {} MiB held ({} may be for series){}: new values of {} "
        "are counted in groups with the value {}. Totals stay right. Group by labels with fewer values, or raise the limits",
        options_.worker, aggregator_.series_count(), options_.series.max_series, aggregator_.memory_bytes() >> 20,
        options_.series.bytes >> 20, groups, fmt::join(now.labels, ", "), kOverflowValue);
  }
  overflowed_ = now.labels;
}

void AggregateWorker::drop_all() {
  if (!test_switches::defect("rows_kept_on_rewind")) aggregator_.drop();
  if (!test_switches::defect("dead_letters_kept_on_rewind")) dead_letters_.clear();
  dead_letter_bytes_ = 0;
  oldest_record_.reset();
  for (Input& in : inputs_) in = Input();
  records_.clear();
  early_.clear();
  waiting_for_room_ = false;
}

Result<std::vector<log::StartPosition>> AggregateWorker::on_assigned(const std::vector<log::Assignment>& partitions) {
  Result<std::vector<std::pair<std::string, int32_t>>> counts = consumer_->partition_counts();
  if (!counts.ok()) return counts.status();
  partition_counts_ = *counts;
  for (const log::Assignment& assignment : partitions) {
    TOCSIN_RETURN_IF_ERROR(committer_.believe(consumer_->sources()[static_cast<size_t>(assignment.source)], assignment.committed));
  }
  std::vector<log::StartPosition> starts;
  for (const log::Assignment& assignment : partitions) {
    Input& in = input(assignment.source);
    in = Input();
    in.assigned = true;
    in.clock = PartitionClock(options_.max_out_of_orderness);
    in.last_arrival = clock_();
    if (!assignment.committed) {
      starts.push_back(options_.start);
      continue;
    }
    const std::optional<PartitionClock> clock = PartitionClock::decode(assignment.committed->metadata, options_.max_out_of_orderness);
    if (!clock) {
      return refuse_metadata(consumer_->sources()[static_cast<size_t>(assignment.source)], assignment.committed->metadata);
    }
    if (!test_switches::defect("clock_not_restored")) in.clock = *clock;
    in.from = in.next = assignment.committed->offset;
    in.started = true;
    starts.push_back({log::StartPosition::Kind::kOffset, assignment.committed->offset});
  }
  flushed_watermark_ = EventTime::min();
  last_contact_ = clock_();
  test_switches::failpoint("aggregate_assigned");
  return starts;
}

void AggregateWorker::on_revoked(const std::vector<int32_t>&) {
  test_switches::failpoint("aggregate_revoked");
  // The group waits for us: what was read is committed under the old assignment, or dropped with it.
  const auto finish = [this]() -> Status {
    const auto outcome = committer_.wait();
    if (outcome && !outcome->ok()) return outcome->status();
    if (!changed() || !all_taken()) return {};
    TOCSIN_RETURN_IF_ERROR(flush());
    const auto last = committer_.wait();
    return last && !last->ok() ? last->status() : Status();
  };
  if (const Status status = finish(); !status.ok()) {
    spdlog::warn("aggregate {}: the last transaction before a rebalance was not committed ({}); the next owner reads it again",
                 options_.worker, status.message());
  }
  test_switches::failpoint("aggregate_given_up");
  drop_all();
}

void AggregateWorker::on_lost(const std::vector<int32_t>&) {
  (void)committer_.wait();
  drop_all();
}

std::optional<int64_t> AggregateWorker::lag_of(int32_t source) const {
  const Input& in = inputs_[static_cast<size_t>(source)];
  if (!in.assigned || !in.end) return std::nullopt;
  return std::max<int64_t>(0, *in.end - consumer_->position(source));
}

int64_t AggregateWorker::lag() const {
  int64_t lag = 0;
  for (size_t source = 0; source < inputs_.size(); ++source) lag += lag_of(static_cast<int32_t>(source)).value_or(0);
  return lag;
}

WorkerMetrics AggregateWorker::metrics() {
  WorkerMetrics metrics;
  const WallTime now = clock_();
  for (int32_t source = 0; source < static_cast<int32_t>(inputs_.size()); ++source) {
    Input& in = input(source);
    if (!in.assigned) continue;
    const log::TopicPartition& name = consumer_->sources()[static_cast<size_t>(source)];
    PartitionMetrics& partition = metrics.partitions.emplace_back();
    partition.topic = name.topic;
    partition.partition = name.partition;
    partition.lag = lag_of(source);
    if (in.clock.has_watermark()) partition.watermark = in.clock.watermark();
    // A paused partition waits for another one: that one is to be named.
    in.stall.update(partition.watermark, !in.paused && partition.lag.value_or(0) > 0, now);
    partition.stalled_since = in.stall.since();
  }
  if (consumer_->group_metadata() != nullptr) metrics.phase = WorkerMetrics::Phase::kWorking;
  // A member without partitions asks for nothing, so it hears nothing.
  const bool asks = !metrics.partitions.empty() || metrics.phase == WorkerMetrics::Phase::kJoining;
  if (asks) metrics.last_contact = last_contact_;
  const AggregatorCounters& events = aggregator_.counters();
  metrics.messages = counters_.messages;
  metrics.bytes = counters_.bytes;
  metrics.events = events.events;
  metrics.late = events.late;
  metrics.dropped_late = events.dropped_late;
  metrics.dead_letters = counters_.dead_letters;
  metrics.lost_offsets = counters_.lost_offsets;
  metrics.frames_written = counters_.frames;
  metrics.frame_bytes_written = counters_.frame_bytes;
  metrics.series = aggregator_.series_count();
  metrics.accumulator_bytes = aggregator_.bytes();
  const OverflowStatus overflow = aggregator_.overflow();
  metrics.overflowed_series = overflow.series;
  metrics.overflowed_events = events.overflowed;
  for (const std::string& label : aggregator_.labels()) metrics.overflowing[label] = false;
  for (const std::string& label : overflow.labels) metrics.overflowing[label] = true;
  for (const auto& [group, count] : dropped_late_by_rule_group()) metrics.dropped_late_by_rule_group[group] += count;
  metrics.memory_bytes = memory_bytes();
  metrics.memory_budget_bytes = memory_budget_bytes();
  metrics.input_pauses = counters_.pauses;
  metrics.transactions_rolled_back = counters_.rewinds;
  metrics.commit_durations = committer_.durations();
  return metrics;
}

size_t AggregateWorker::memory_budget_bytes() const {
  return options_.series.bytes + options_.series.bytes / 4 + options_.series.cache_bytes + options_.flush_bytes;
}

std::vector<std::pair<std::string, uint64_t>> AggregateWorker::dropped_late_by_rule_group() const {
  std::vector<std::pair<std::string, uint64_t>> counts;
  for (size_t i = 0; i < aggregator_.rule_groups().size(); ++i) {
    counts.emplace_back(aggregator_.rule_groups()[i], aggregator_.dropped_late_by_rule_group()[i]);
  }
  return counts;
}

bool AggregateWorker::finished() const {
  const bool ended =
      !inputs_.empty() && std::all_of(inputs_.begin(), inputs_.end(), [](const Input& in) { return in.finished && !in.changed; });
  return ended && !committer_.busy();
}

// What a transaction that failed held is read again by the next owner: to go back ourselves would only delay the end.
Status AggregateWorker::close() {
  const auto outcome = committer_.wait();
  const Status last = outcome && !outcome->ok() ? outcome->status() : Status();
  if (!last.ok()) {
    spdlog::warn("aggregate {}: the last transaction was not committed ({}); the next owner reads it again", options_.worker,
                 last.message());
    drop_all();
  }
  const Status closed = consumer_->close();
  return last.ok() || healed_by_rewind(last) ? closed : last;
}

}  // namespace tocsin
