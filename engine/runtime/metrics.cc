#include "engine/runtime/metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "engine/runtime/exposition.h"
#include "engine/runtime/health.h"

namespace tocsin {
namespace {

constexpr std::array kRoles = {Role::kAggregate, Role::kEvaluate};

std::string label(Role role) { return std::string(to_string(role)); }

// The sum over the workers of the process that have a snapshot.
uint64_t sum(const ProcessView& process, uint64_t WorkerMetrics::*field, std::optional<Role> role = std::nullopt) {
  uint64_t sum = 0;
  for (const WorkerView& worker : process.workers) {
    if (worker.metrics != nullptr && (!role || worker.role == *role)) sum += (*worker.metrics).*field;
  }
  return sum;
}

Histogram sum(const ProcessView& process, Histogram WorkerMetrics::*field, std::optional<Role> role = std::nullopt) {
  Histogram sum = WorkerMetrics().*field;
  for (const WorkerView& worker : process.workers) {
    if (worker.metrics != nullptr && (!role || worker.role == *role)) sum.add((*worker.metrics).*field);
  }
  return sum;
}

template <typename Value>
std::map<std::string, uint64_t> sum_by_name(const ProcessView& process, std::map<std::string, Value> WorkerMetrics::*field) {
  std::map<std::string, uint64_t> sums;
  for (const WorkerView& worker : process.workers) {
    if (worker.metrics == nullptr) continue;
    for (const auto& [name, value] : (*worker.metrics).*field) sums[name] += value;
  }
  return sums;
}

double seconds_since(WallTime now, EventTime then) { return static_cast<double>(now.ms - then.ms) / 1000; }

std::string_view phase_of(const WorkerView& worker) {
  if (worker.flight == FlightRecorder::Phase::kRestoring) return "restoring";
  if (worker.metrics == nullptr) return "starting";
  switch (worker.metrics->phase) {
    case WorkerMetrics::Phase::kJoining: return "joining";
    case WorkerMetrics::Phase::kRestoring: return "restoring";
    case WorkerMetrics::Phase::kWorking: break;
  }
  return "working";
}

void add_process(const ProcessView& view, Exposition& out) {
  out.gauge("tocsin_build_info", "Always 1; the labels say what runs.").add(1.0, {{"version", view.version}});
  out.gauge("tocsin_ready", "1 if /readyz answers 200, else 0.").add(ready(view).ok() ? 1.0 : 0.0);
  auto workers = out.gauge("tocsin_workers", "Workers of this process by role and by what they do.");
  for (const Role role : kRoles) {
    for (const char* phase : {"starting", "joining", "restoring", "working"}) {
      const auto count = std::count_if(view.workers.begin(), view.workers.end(),
                                       [&](const WorkerView& worker) { return worker.role == role && phase_of(worker) == phase; });
      workers.add(static_cast<double>(count), {{"role", label(role)}, {"phase", phase}});
    }
  }
  const ProcessMetrics& process = view.process;
  out.gauge("process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.").add(process.start_time_seconds);
  out.counter("process_cpu_seconds_total", "User and system CPU time spent in seconds.").add(process.cpu_seconds);
  out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.").add(process.resident_bytes);
  out.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.").add(process.virtual_bytes);
  out.gauge("process_open_fds", "Number of open file descriptors.").add(process.open_descriptors);
  out.gauge("process_max_fds", "Maximum number of open file descriptors.").add(process.descriptors_max);
}

void add_input(const ProcessView& view, Exposition& out) {
  const auto counter = [&](const char* name, const char* help, uint64_t WorkerMetrics::*field) {
    out.counter(name, help).add(sum(view, field));
  };
  counter("tocsin_input_messages_total", "Messages read from the input topics.", &WorkerMetrics::messages);
  counter("tocsin_input_bytes_total", "Bytes of the values of these messages.", &WorkerMetrics::bytes);
  counter("tocsin_events_total", "Events decoded and used.", &WorkerMetrics::events);
  counter("tocsin_dead_letters_total", "Messages and events that could not be used and went to the dead-letter topic.",
          &WorkerMetrics::dead_letters);
  counter("tocsin_late_events_total", "Events before their partition's watermark, counted in windows from then on.", &WorkerMetrics::late);
  counter("tocsin_too_late_events_total", "Events later than time.allowed_lateness, each once, whether a rule selects it or not.",
          &WorkerMetrics::dropped_late);
  auto dropped_late =
      out.counter("tocsin_dropped_late_events_total",
                  "Events later than time.allowed_lateness, counted in no window, once for each rule group that selects them.");
  for (const auto& [group, count] : sum_by_name(view, &WorkerMetrics::dropped_late_by_rule_group)) {
    dropped_late.add(count, {{"rule_group", group}});
  }
  counter("tocsin_lost_messages_total", "Offsets of input topics that retention removed before they were read.",
          &WorkerMetrics::lost_offsets);
  counter("tocsin_frames_written_total", "Records written to the partials topic.", &WorkerMetrics::frames_written);
  counter("tocsin_frames_written_bytes_total", "Bytes of the values of these records.", &WorkerMetrics::frame_bytes_written);
  out.gauge("tocsin_series", "Series in the tables of stage 1.").add(sum(view, &WorkerMetrics::series));
  out.gauge("tocsin_accumulator_bytes", "Bytes held by what was not flushed yet.").add(sum(view, &WorkerMetrics::accumulator_bytes));
}

void add_overflow(const ProcessView& view, Exposition& out) {
  out.gauge("tocsin_overflowed_series", "Series with __overflow__ for some label.").add(sum(view, &WorkerMetrics::overflowed_series));
  out.counter("tocsin_overflowed_events_total", "Events counted in groups with __overflow__, by weight.")
      .add(sum(view, &WorkerMetrics::overflowed_events));
  auto workers = out.gauge("tocsin_overflowing_workers", "Workers that count new values of the label as __overflow__.");
  for (const auto& [label, count] : sum_by_name(view, &WorkerMetrics::overflowing)) workers.add(count, {{"label", label}});
}

void add_memory(const ProcessView& view, Exposition& out) {
  auto held = out.gauge("tocsin_worker_memory_bytes", "Held by the workers, by their own account.");
  auto budget = out.gauge("tocsin_worker_memory_budget_bytes", "What the workers may hold.");
  auto pauses = out.counter("tocsin_input_pauses_total", "Times that input was paused because memory was used up.");
  for (const Role role : kRoles) {
    held.add(sum(view, &WorkerMetrics::memory_bytes, role), {{"role", label(role)}});
    budget.add(sum(view, &WorkerMetrics::memory_budget_bytes, role), {{"role", label(role)}});
    pauses.add(sum(view, &WorkerMetrics::input_pauses, role), {{"role", label(role)}});
  }
}

void add_evaluation(const ProcessView& view, Exposition& out) {
  const auto counter = [&](const char* name, const char* help, uint64_t WorkerMetrics::*field) {
    out.counter(name, help).add(sum(view, field));
  };
  counter("tocsin_frames_applied_total", "Frames read from the partials topic.", &WorkerMetrics::frames_applied);
  counter("tocsin_frames_repeated_total", "Of these, frames that had been applied before and were dropped.",
          &WorkerMetrics::frames_repeated);
  counter("tocsin_rows_applied_total", "Rows (group and pane) in the frames applied.", &WorkerMetrics::rows_applied);
  counter("tocsin_rows_of_unknown_views_total", "Rows for rules that this process does not have, skipped.",
          &WorkerMetrics::rows_of_unknown_views);
  counter("tocsin_ticks_total", "Ticks evaluated; those at which nothing could change are skipped.", &WorkerMetrics::ticks);
  counter("tocsin_restores_total", "Partitions whose state was restored.", &WorkerMetrics::restores);
  counter("tocsin_restored_changelog_records_total", "Changelog records read for that.", &WorkerMetrics::changelog_records_read);
  out.gauge("tocsin_groups", "Groups known to stage 2.").add(sum(view, &WorkerMetrics::groups));
  out.histogram("tocsin_tick_delay_seconds", "From a tick's time to the wall time at which evaluation had come so far.")
      .add(sum(view, &WorkerMetrics::tick_delay));
}

void add_alerts(const ProcessView& view, Exposition& out) {
  std::map<std::pair<std::string, std::string>, uint64_t> events;
  std::map<std::string, LiveInstances> instances;
  for (const std::string& rule : view.rules) {
    instances[rule] = {};
    for (const char* state : {"firing", "resolved"}) events[{rule, state}] = 0;
  }
  for (const WorkerView& worker : view.workers) {
    if (worker.metrics == nullptr) continue;
    for (const auto& [key, count] : worker.metrics->alerts_committed) events[key] += count;
    for (const auto& [rule, live] : worker.metrics->instances) {
      instances[rule].pending += live.pending;
      instances[rule].firing += live.firing;
    }
  }
  auto published = out.counter("tocsin_alert_events_total", "Alert events published.");
  for (const auto& [key, count] : events) published.add(count, {{"rule", key.first}, {"state", key.second}});
  auto live = out.gauge("tocsin_alerts", "Alert instances that are pending or firing.");
  for (const auto& [rule, counts] : instances) {
    live.add(counts.pending, {{"rule", rule}, {"state", "pending"}});
    live.add(counts.firing, {{"rule", rule}, {"state", "firing"}});
  }
  out.histogram("tocsin_alert_commit_delay_seconds", "From an alert event's evaluatedAt to the wall time at which it was committed.")
      .add(sum(view, &WorkerMetrics::alert_commit_delay));
  out.histogram("tocsin_alert_detection_seconds", "From the event that made a rule's verdict true to the commit of the firing event.")
      .add(sum(view, &WorkerMetrics::alert_detection));
}

// By topic and number. A partition that has just gone from one worker to another is in the last snapshots of both: what has come further
// counts.
std::map<std::pair<std::string, int32_t>, const PartitionMetrics*> partitions_of(const ProcessView& view) {
  std::map<std::pair<std::string, int32_t>, const PartitionMetrics*> partitions;
  const auto progress = [](const PartitionMetrics& partition) {
    return std::tuple(partition.evaluated, partition.watermark, partition.lag);
  };
  for (const WorkerView& worker : view.workers) {
    if (worker.metrics == nullptr) continue;
    for (const PartitionMetrics& partition : worker.metrics->partitions) {
      const auto [known, is_new] = partitions.try_emplace({partition.topic, partition.partition}, &partition);
      if (!is_new && progress(*known->second) < progress(partition)) known->second = &partition;
    }
  }
  return partitions;
}

void add_partitions(const ProcessView& view, Exposition& out) {
  auto lag = out.gauge("tocsin_partition_lag_messages", "Messages of a partition that this process reads and has not read yet.");
  auto watermark = out.gauge("tocsin_watermark_delay_seconds", "How far the watermark of a partition is behind the wall clock.");
  auto evaluation = out.gauge("tocsin_evaluation_delay_seconds", "How far the last tick evaluated is behind the wall clock.");
  for (const auto& [id, partition] : partitions_of(view)) {
    const Exposition::Labels labels = {{"topic", id.first}, {"partition", std::to_string(id.second)}};
    if (partition->lag) lag.add(static_cast<double>(*partition->lag), labels);
    if (partition->watermark) watermark.add(seconds_since(view.now, *partition->watermark), labels);
    if (partition->evaluated) evaluation.add(seconds_since(view.now, *partition->evaluated), labels);
  }
}

void add_transactions(const ProcessView& view, Exposition& out) {
  auto durations = out.histogram("tocsin_commit_duration_seconds", "Wall time that transactions took, whatever became of them.");
  auto rolled_back =
      out.counter("tocsin_transactions_rolled_back_total", "Transactions that were not committed; their work was done again.");
  for (const Role role : kRoles) {
    durations.add(sum(view, &WorkerMetrics::commit_durations, role), {{"role", label(role)}});
    uint64_t count = 0;
    for (const WorkerView& worker : view.workers) {
      if (worker.role == role && worker.metrics != nullptr) count += worker.metrics->transactions_rolled_back;
    }
    rolled_back.add(count, {{"role", label(role)}});
  }
}

void add_store(const ProcessView& view, Exposition& out) {
  using Field = uint64_t state::RocksDbStatistics::*;
  const auto value = [&](Field field) { return view.store ? std::optional((*view.store).*field) : std::nullopt; };
  const auto gauge = [&](const char* name, const char* help, Field field) { out.gauge(name, help).add(value(field)); };
  using S = state::RocksDbStatistics;
  gauge("tocsin_rocksdb_memory_budget_bytes", "What memtables and block cache may hold together.", &S::memory_budget_bytes);
  gauge("tocsin_rocksdb_memtable_bytes", "Held by memtables.", &S::memtable_bytes);
  gauge("tocsin_rocksdb_block_cache_bytes", "Held by the block cache.", &S::block_cache_bytes);
  gauge("tocsin_rocksdb_block_cache_pinned_bytes", "Of the cache, in use and not evictable.", &S::block_cache_pinned_bytes);
  gauge("tocsin_rocksdb_table_readers_bytes", "Held by table readers, outside the budget (an estimate).", &S::table_readers_bytes);
  gauge("tocsin_rocksdb_sst_bytes", "Size of all table files on disk.", &S::sst_bytes);
  gauge("tocsin_rocksdb_live_data_bytes", "Of these, data that is still valid (an estimate).", &S::live_data_bytes_estimate);
  gauge("tocsin_rocksdb_compaction_pending_bytes", "What compaction has still to rewrite (an estimate).", &S::compaction_pending_bytes);
  out.counter("tocsin_rocksdb_background_errors_total", "Errors of flushes and compactions since the store was opened.")
      .add(value(&S::background_errors));
  auto stalls = out.counter("tocsin_rocksdb_write_stalls_total", "How often writes were slowed down or stopped.");
  stalls.add(value(&S::write_slowdowns), {{"kind", "slowdown"}});
  stalls.add(value(&S::write_stops), {{"kind", "stop"}});
  auto stopped = out.gauge("tocsin_rocksdb_writes_stopped", "1 while writes are stopped, else 0.");
  if (view.store) stopped.add(view.store->writes_stopped ? 1.0 : 0.0);
}

}  // namespace

std::string render_metrics(const ProcessView& process) {
  Exposition out;
  add_process(process, out);
  add_input(process, out);
  add_overflow(process, out);
  add_memory(process, out);
  add_evaluation(process, out);
  add_alerts(process, out);
  add_partitions(process, out);
  add_transactions(process, out);
  add_store(process, out);
  return out.text();
}

}  // namespace tocsin
