// The evaluate worker's part in rebalances: partitions that come are restored, and those that go are committed and dropped.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/base/test_switches.h"
#include "engine/runtime/evaluate_worker.h"
#include "engine/runtime/restore.h"

namespace tocsin {

Result<std::optional<int64_t>> EvaluateWorker::restore(const log::Assignment& assignment) {
  const int32_t partition = partition_of(assignment.source);
  const StoreLease lease = leases_.take(partition);
  const Result<RestoreReport> report =
      catch_up({options_.changelog_topic, partition}, reader_, leases_.store(), lease, clock_(), options_.restore);
  if (!report.ok()) return report.status();
  test_switches::failpoint("restore_caught_up");
  ++counters_.restores;
  counters_.changelog_records_read += report->records_read;
  EvaluatorOptions options{static_cast<uint32_t>(partition), options_.partials_partitions, options_.until, options_.ledger};
  auto evaluator = std::make_unique<Evaluator>(plan_, leases_.store(), options);
  TOCSIN_RETURN_IF_ERROR(evaluator->restore());
  const std::optional<int64_t> committed = assignment.committed ? std::optional(assignment.committed->offset) : std::nullopt;
  if (evaluator->next_offset() != committed && !test_switches::defect("position_not_compared")) {
    const auto text = [](const std::optional<int64_t>& offset) { return offset ? std::to_string(*offset) : std::string("nothing"); };
    // Offset first, changelog second: if another member had the partition in between, because we stood still, it has committed more. Asked
    // for again the offset says so.
    const auto outdated = outdated_.find(partition);
    if (evaluator->next_offset() > committed && (outdated == outdated_.end() || outdated->second != committed)) {
      outdated_[partition] = committed;
      return unavailable(fmt::format("partition {} of the state stands at partials offset {}, {} was committed: looking again", partition,
                                     text(evaluator->next_offset()), text(committed)));
    }
    return data_loss(fmt::format(
        "partition {} of the state stands at partials offset {}, but the group has committed {}: they are written together, so one of them "
        "was changed or removed by something else. Restore the topic {} or the group's offsets; or start over with another `app` name",
        partition, text(evaluator->next_offset()), text(committed), options_.changelog_topic));
  }
  spdlog::info("evaluate {}: partition {} restored: {} of {} changelog records read{}, {} groups, evaluated up to {}", options_.worker,
               partition, report->records_read, report->changelog_end - report->changelog_begin,
               report->rebuilt ? " (rebuilt from nothing)" : "", evaluator->group_count(),
               evaluator->evaluated() ? format_rfc3339(evaluator->evaluated()->ms) : "the start");
  outdated_.erase(partition);
  const std::optional<int64_t> rewind = test_switches::defect("rewind_offset_ignored") ? committed : evaluator->rewind_offset();
  Task& task = tasks_[assignment.source];
  task.lease = lease;
  task.changelog_end = report->changelog_end;
  task.evaluator = std::move(evaluator);
  test_switches::failpoint("restore_done");
  return rewind;
}

Result<std::vector<log::StartPosition>> EvaluateWorker::on_assigned(const std::vector<log::Assignment>& partitions) {
  recorder_.enter(FlightRecorder::Phase::kRestoring);
  for (const log::Assignment& assignment : partitions) {
    TOCSIN_RETURN_IF_ERROR(committer_.believe(consumer_->sources()[static_cast<size_t>(assignment.source)], assignment.committed));
  }
  std::vector<log::StartPosition> starts;
  for (const log::Assignment& assignment : partitions) {
    const Result<std::optional<int64_t>> rewind = restore(assignment);
    if (!rewind.ok()) {
      // They will be given again, or to somebody else without a word to us: until all are restored none is ours.
      drop_all();
      return rewind.status();
    }
    starts.push_back(*rewind ? log::StartPosition{log::StartPosition::Kind::kOffset, **rewind} : log::StartPosition{});
  }
  recorder_.enter(FlightRecorder::Phase::kRunning);
  last_contact_ = clock_();
  return starts;
}

void EvaluateWorker::on_revoked(const std::vector<int32_t>&) {
  test_switches::failpoint("evaluate_revoked");
  Status stored;
  const auto complete = [&](const std::optional<Result<log::CommitReceipt>>& outcome) -> Status {
    if (!outcome) return {};
    if (!outcome->ok()) return outcome->status();
    stored = write_committed(**outcome);
    return stored;
  };
  const auto finish = [&]() -> Status {
    TOCSIN_RETURN_IF_ERROR(complete(committer_.wait()));
    TOCSIN_RETURN_IF_ERROR(commit());
    return complete(committer_.wait());
  };
  if (const Status status = finish(); !status.ok()) {
    spdlog::warn("evaluate {}: the last transaction before a rebalance was not completed ({}); the next owner sees to it", options_.worker,
                 status.message());
  }
  if (failure_.ok()) failure_ = stored;
  test_switches::failpoint("evaluate_given_up");
  drop_all();
}

void EvaluateWorker::on_lost(const std::vector<int32_t>&) {
  if (const auto outcome = committer_.wait(); outcome && outcome->ok()) {
    const Status written = write_committed(**outcome);
    if (failure_.ok()) failure_ = written;
  }
  drop_all();
}

void EvaluateWorker::on_range_lost(int32_t source, int64_t from, int64_t to) {
  failure_ = data_loss(
      fmt::format("offsets {} to {} of partials partition {} are gone (retention was shorter than the time this partition was not "
                  "evaluated): what happened in them is unknown. Give the topic a longer retention and start over with another `app` name",
                  from, to, partition_of(source)));
}

void EvaluateWorker::drop_all() {
  retired_ = evaluator_counters();
  tasks_.clear();
  in_flight_.clear();
  alerts_in_flight_.clear();
  records_.clear();
  waiting_for_room_ = false;
}

}  // namespace tocsin
