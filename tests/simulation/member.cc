#include "tests/simulation/member.h"

namespace tocsin::simulation {
namespace {

// Records of a restore between two await points.
constexpr int kRecordsPerFetch = 32;

// Passes records on, with an await point now and then.
class InterruptedVisit final : public log::PartitionReader::Visitor {
 public:
  InterruptedVisit(log::PartitionReader::Visitor& visit, Fate& fate, Process& process) : visit_(visit), fate_(fate), process_(process) {}

  Status record(const log::Record& record) override {
    if (++records_ % kRecordsPerFetch == 0) {
      fate_.await(process_, Event::kCrashRestoring, false);
      if (fate_.strikes(Event::kRestoreCutOff)) return unavailable("simulated: the brokers went away");
    }
    return visit_.record(record);
  }

 private:
  log::PartitionReader::Visitor& visit_;
  Fate& fate_;
  Process& process_;
  int records_ = 0;
};

}  // namespace

Member::Member(log::MemoryLog& log, log::MemoryConsumerOptions options, Fate& fate, Process& process, log::ConsumerListener& worker)
    : log_(log),
      fate_(fate),
      process_(process),
      worker_(worker),
      group_(options.group),
      consumer_(log.consumer(std::move(options), *this)) {}

Status Member::poll(Duration /*timeout*/, log::RecordBatch& batch) {
  if (fate_.strikes(Event::kFetchDelayed)) {
    batch.clear();
    return {};
  }
  if (fate_.strikes(Event::kBrokersAway)) {
    batch.clear();
    return unavailable("simulated: the brokers do not answer");
  }
  return consumer_->poll({0}, batch);
}

Status Member::rewind() {
  Status rewound = consumer_->rewind();
  if (rewound.code() == StatusCode::kUnavailable) fate_.count(Event::kAssignmentWaited);
  return rewound;
}

Result<std::vector<log::StartPosition>> Member::on_assigned(const std::vector<log::Assignment>& partitions) {
  fate_.await(process_, Event::kCrashAssigned, true);
  const std::vector<log::Assignment> answered = as_answered(partitions);
  Result<std::vector<log::StartPosition>> starts = worker_.on_assigned(answered);
  if (starts.ok()) {
    for (const log::Assignment& assignment : answered) {
      if (assignment.committed) believed_[assignment.source] = assignment.committed->offset;
    }
  }
  return starts;
}

std::vector<log::Assignment> Member::as_answered(const std::vector<log::Assignment>& partitions) {
  if (std::vector<log::Assignment> past = as_of_the_past(partitions); !past.empty() && fate_.strikes(Event::kOffsetsOfThePast)) return past;
  std::vector<log::Assignment> before = as_committed_before(partitions);
  return !before.empty() && fate_.strikes(Event::kMisled) ? before : partitions;
}

// Empty if the worker could not know better, having had none of the partitions before.
std::vector<log::Assignment> Member::as_of_the_past(std::vector<log::Assignment> partitions) const {
  bool changed = false;
  for (log::Assignment& assignment : partitions) {
    const auto believed = believed_.find(assignment.source);
    if (believed == believed_.end() || !assignment.committed) continue;
    changed = true;
    if (believed->second % 2 == 0) {
      assignment.committed.reset();
    } else {
      assignment.committed->offset = believed->second - 1;
    }
  }
  return changed ? partitions : std::vector<log::Assignment>();
}

// Whoever had the partitions; empty if nothing has been committed since.
std::vector<log::Assignment> Member::as_committed_before(std::vector<log::Assignment> partitions) const {
  bool changed = false;
  for (log::Assignment& assignment : partitions) {
    const auto before = fate_.committed_before(group_, consumer_->sources()[static_cast<size_t>(assignment.source)]);
    if (!assignment.committed || (before && before->offset == assignment.committed->offset)) continue;
    changed = true;
    assignment.committed = before;
  }
  return changed ? partitions : std::vector<log::Assignment>();
}

void Member::on_revoked(const std::vector<int32_t>& sources) {
  fate_.await(process_, Event::kCrashRevoked, true);
  worker_.on_revoked(sources);
  fate_.await(process_, Event::kCrashRevoked, true);
}

void Member::on_lost(const std::vector<int32_t>& sources) {
  fate_.await(process_, Event::kCrashLost, true);
  worker_.on_lost(sources);
}

Result<std::pair<int64_t, int64_t>> Reader::bounds(const log::TopicPartition& partition) {
  fate_.await(process_, Event::kCrashRestoring, true);
  if (fate_.strikes(Event::kRestoreCutOff)) return unavailable("simulated: the brokers do not answer");
  return reader_->bounds(partition);
}

Status Reader::read(const log::TopicPartition& partition, int64_t from, int64_t to, Visitor& visit) {
  fate_.await(process_, Event::kCrashRestoring, true);
  InterruptedVisit interrupted(visit, fate_, process_);
  return reader_->read(partition, from, to, interrupted);
}

}  // namespace tocsin::simulation
