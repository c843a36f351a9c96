#include "engine/log/memory_consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace tocsin::log {
namespace {

// Longest wait of one poll; keeps the deadline far from the clock's range.
constexpr Duration kPollWaitMax{24 * 3'600 * 1'000};

}  // namespace

MemoryConsumer::MemoryConsumer(MemoryBroker& broker, MemoryConsumerOptions options, ConsumerListener& listener)
    : broker_(broker), options_(std::move(options)), listener_(listener), group_([this]() -> MemoryGroup& {
        const std::lock_guard lock(broker_.mutex);
        return broker_.group(options_.group);
      }()) {
  const std::lock_guard lock(broker_.mutex);
  add_known_sources();
  member_id_ = group_.join(options_.instance_id, options_.topics, options_.strategy);
  broker_.note_change();
}

MemoryConsumer::~MemoryConsumer() {
  if (left_) return;
  const std::lock_guard lock(broker_.mutex);
  group_.set_absent(member_id_);
  broker_.note_change();
}

Status MemoryConsumer::poll(Duration timeout, RecordBatch& batch) {
  TOCSIN_CHECK(!closed_, "poll() after close()");
  batch.clear();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(std::min(timeout, kPollWaitMax).ms);
  Lock lock(broker_.mutex);
  while (true) {
    const uint64_t seen = broker_.version;
    TOCSIN_RETURN_IF_ERROR(follow_group(lock));
    settle_positions(lock);
    answer_probes(lock);
    fetch(batch);
    if (!batch.records.empty() || timeout.ms <= 0) return {};
    if (!broker_.changed.wait_until(lock, deadline, [&] { return broker_.version != seen; })) return {};
  }
}

Status MemoryConsumer::follow_group(Lock& lock) {
  while (true) {
    switch (standing()) {
      case MemoryGroup::Standing::kSteady: return {};
      case MemoryGroup::Standing::kFenced: return give_in_or_join_anew(lock);
      case MemoryGroup::Standing::kUnknown:
        lose_all(lock);
        member_id_ = group_.join(options_.instance_id, options_.topics, options_.strategy);
        broker_.note_change();
        break;
      case MemoryGroup::Standing::kMustRejoin:
        revoke_all(lock);
        group_.rejoin(member_id_);
        broker_.note_change();
        break;
      case MemoryGroup::Standing::kMustSync:
        if (in_doubt(group_.assignment(member_id_))) return {};
        generation_ = group_.generation();
        TOCSIN_RETURN_IF_ERROR(take(lock, group_.assignment(member_id_)));
        break;
    }
  }
}

// Once fenced, for ever: the one that took the instance id may have left again, but what it did with the partitions stays done.
MemoryGroup::Standing MemoryConsumer::standing() {
  return fenced_ ? MemoryGroup::Standing::kFenced : group_.standing(member_id_, options_.instance_id);
}

// As KafkaConsumer, which cannot tell the first time whether it has met another process or an echo of its own.
Status MemoryConsumer::give_in_or_join_anew(Lock& lock) {
  lose_all(lock);
  fenced_ = took_name_back_;
  if (fenced_) return fenced_status();
  took_name_back_ = true;
  member_id_ = group_.join(options_.instance_id, options_.topics, options_.strategy);
  broker_.note_change();
  return unavailable(
      fmt::format("group {} no longer takes member {} for the one of that name; joining anew", options_.group, options_.instance_id));
}

Status MemoryConsumer::fenced_status() const {
  return fenced(fmt::format("another process joined group {} as instance {}", options_.group, options_.instance_id));
}

void MemoryConsumer::lose_all(Lock& lock) {
  const std::vector<int32_t> sources = held_sources();
  held_.clear();
  generation_ = -1;
  if (sources.empty()) return;
  lock.unlock();
  listener_.on_lost(sources);
  lock.lock();
}

void MemoryConsumer::revoke_all(Lock& lock) {
  const std::vector<int32_t> sources = held_sources();
  if (!sources.empty()) {
    // The listener commits in here: the partitions, their positions and the generation are still ours.
    lock.unlock();
    listener_.on_revoked(sources);
    lock.lock();
  }
  held_.clear();
  generation_ = -1;
}

Status MemoryConsumer::take(Lock& lock, const std::vector<TopicPartition>& partitions) {
  add_known_sources();
  std::vector<Assignment> assigned;
  assigned.reserve(partitions.size());
  for (const TopicPartition& partition : partitions) assigned.push_back({source_of(partition), group_.committed(partition)});
  std::sort(assigned.begin(), assigned.end(), [](const Assignment& a, const Assignment& b) { return a.source < b.source; });
  // Synced before the listener knows: a rebalance that begins while it is being called must ask for the partitions back.
  const int64_t generation = generation_;
  group_.set_synced(member_id_, generation, true);
  if (assigned.empty()) return {};

  lock.unlock();
  const Result<std::vector<StartPosition>> starts = listener_.on_assigned(assigned);
  lock.lock();
  Status status = starts.ok() ? start_at(assigned, *starts) : starts.status();
  if (!status.ok()) {
    held_.clear();
    generation_ = -1;
    group_.set_synced(member_id_, generation, false);
  }
  return status;
}

Status MemoryConsumer::start_at(const std::vector<Assignment>& assigned, const std::vector<StartPosition>& starts) {
  TOCSIN_CHECK(starts.size() == assigned.size(), "on_assigned must answer for each partition");
  held_.clear();
  for (size_t i = 0; i < assigned.size(); ++i) {
    const TopicPartition& name = partition_of(assigned[i].source);
    MemoryPartition& partition = *broker_.find_partition(name);
    int64_t position = starts[i].value;
    switch (starts[i].kind) {
      case StartPosition::Kind::kEarliest: position = partition.start(); break;
      case StartPosition::Kind::kLatest: position = partition.readable_end(); break;
      case StartPosition::Kind::kTime: position = partition.offset_at(position); break;
      case StartPosition::Kind::kOffset: break;
    }
    if (position < 0 || position > partition.end()) {
      return data_loss(fmt::format("{} partition {} ends at offset {}; reading was to start at {}", name.topic, name.partition,
                                   partition.end(), position));
    }
    held_.push_back({.source = assigned[i].source,
                     .partition = &partition,
                     .log_append_time = broker_.find_topic(name.topic)->options.log_append_time,
                     .position = position});
  }
  return {};
}

void MemoryConsumer::settle_positions(Lock& lock) {
  struct Lost {
    int32_t source;
    int64_t from;
    int64_t to;
  };
  std::vector<Lost> losses;
  for (Held& held : held_) {
    if (held.paused) continue;
    if (held.position < held.partition->start()) {
      losses.push_back({held.source, held.position, held.partition->start()});
      held.position = held.partition->start();
    }
    held.position = held.partition->past_gap(held.position);
  }
  if (losses.empty()) return;
  lock.unlock();
  for (const Lost& lost : losses) listener_.on_range_lost(lost.source, lost.from, lost.to);
  lock.lock();
}

void MemoryConsumer::answer_probes(Lock& lock) {
  if (probe_answers_.empty()) return;
  const std::vector<ProbeAnswer> answers = std::exchange(probe_answers_, {});
  const std::vector<int32_t> sources = held_sources();
  lock.unlock();
  for (const ProbeAnswer& answer : answers) {
    if (std::find(sources.begin(), sources.end(), answer.source) == sources.end()) continue;
    listener_.on_end(answer.source, answer.end, answer.asked_at);
  }
  lock.lock();
}

void MemoryConsumer::fetch(RecordBatch& batch) {
  size_t bytes = 0;
  const size_t first = turn_;
  for (size_t i = 0; i < held_.size(); ++i) {
    const size_t index = (first + i) % held_.size();
    if (held_[index].paused) continue;
    fetch_from(held_[index], batch, bytes);
    if (bytes >= options_.poll_bytes_max || batch.records.size() >= options_.poll_records_max) {
      turn_ = index + 1;
      return;
    }
  }
}

void MemoryConsumer::fetch_from(Held& held, RecordBatch& batch, size_t& bytes) const {
  const MemoryPartition::Records& records = held.partition->records();
  auto next = held.partition->find(held.position);
  const auto unreadable = held.partition->unreadable();
  if (next == records.end() || (unreadable != records.end() && (*next)->offset() >= (*unreadable)->offset())) return;
  if (batch.storage == nullptr) batch.storage = std::make_unique<SharedRecords>();
  auto& kept = static_cast<SharedRecords&>(*batch.storage).records;
  int64_t position = held.position;
  while (next != unreadable && bytes < options_.poll_bytes_max && batch.records.size() < options_.poll_records_max) {
    batch.records.push_back((*next)->view(held.source, held.log_append_time));
    kept.push_back(*next);
    bytes += (*next)->size();
    position = (*next)->offset() + 1;
    ++next;
  }
  held.position = held.partition->past_gap(position);
}

int64_t MemoryConsumer::position(int32_t source) const {
  for (const Held& held : held_) {
    if (held.source == source) return held.position;
  }
  return -1;
}

Result<std::vector<std::pair<std::string, int32_t>>> MemoryConsumer::partition_counts() {
  const std::lock_guard lock(broker_.mutex);
  std::vector<std::pair<std::string, int32_t>> counts;
  for (const std::string& name : options_.topics) {
    const MemoryBroker::Topic* topic = broker_.find_topic(name);
    if (topic == nullptr) return not_found(fmt::format("topic {} does not exist", name));
    counts.emplace_back(name, static_cast<int32_t>(topic->partitions.size()));
  }
  return counts;
}

// The end is taken here, not when the answer is delivered: only so was it the end at the time asked.
void MemoryConsumer::probe_end(int32_t source) {
  const std::lock_guard lock(broker_.mutex);
  const Held* held = find_held(source);
  if (held == nullptr) return;
  probe_answers_.push_back({source, held->partition->readable_end(), broker_.options.clock()});
  broker_.note_change();
}

Status MemoryConsumer::rewind() {
  TOCSIN_CHECK(!closed_, "rewind() after close()");
  Lock lock(broker_.mutex);
  std::vector<TopicPartition> partitions;
  partitions.reserve(held_.size());
  for (const Held& held : held_) partitions.push_back(partition_of(held.source));
  const int64_t generation = generation_;
  lose_all(lock);
  const MemoryGroup::Standing now = standing();
  if (now == MemoryGroup::Standing::kFenced) return give_in_or_join_anew(lock);
  if (now == MemoryGroup::Standing::kUnknown) return {};  // the next poll() joins again
  if (in_doubt(partitions)) {
    group_.set_synced(member_id_, generation, false);
    return unavailable(fmt::format("group {} has a transaction in doubt on these partitions; waiting for its end", options_.group));
  }
  generation_ = generation;
  return take(lock, partitions);
}

bool MemoryConsumer::in_doubt(const std::vector<TopicPartition>& partitions) const {
  return std::any_of(partitions.begin(), partitions.end(), [this](const auto& partition) { return group_.in_doubt(partition); });
}

std::shared_ptr<const GroupMetadata> MemoryConsumer::group_metadata() {
  if (generation_ < 0) return nullptr;
  auto identity = std::make_shared<MemberIdentity>();
  identity->group = options_.group;
  identity->generation = generation_;
  identity->member_id = member_id_;
  identity->instance_id = options_.instance_id;
  return identity;
}

Status MemoryConsumer::close() {
  if (closed_) return {};
  closed_ = true;
  Lock lock(broker_.mutex);
  const MemoryGroup::Standing now = standing();
  if (now == MemoryGroup::Standing::kUnknown || now == MemoryGroup::Standing::kFenced) {
    lose_all(lock);
    left_ = true;
    return {};
  }
  revoke_all(lock);
  left_ = true;
  if (options_.instance_id.empty()) {
    group_.remove(member_id_);
  } else {
    group_.set_absent(member_id_);
  }
  broker_.note_change();
  return {};
}

void MemoryConsumer::add_known_sources() {
  for (const std::string& name : options_.topics) {
    const MemoryBroker::Topic* topic = broker_.find_topic(name);
    if (topic == nullptr) continue;
    for (size_t i = 0; i < topic->partitions.size(); ++i) source_of({name, static_cast<int32_t>(i)});
  }
}

int32_t MemoryConsumer::source_of(const TopicPartition& partition) {
  auto found = std::find(sources_.begin(), sources_.end(), partition);
  if (found == sources_.end()) found = sources_.insert(sources_.end(), partition);
  return static_cast<int32_t>(found - sources_.begin());
}

std::vector<int32_t> MemoryConsumer::held_sources() const {
  std::vector<int32_t> sources;
  sources.reserve(held_.size());
  for (const Held& held : held_) sources.push_back(held.source);
  return sources;
}

void MemoryConsumer::set_paused(int32_t source, bool paused) {
  if (Held* held = find_held(source)) held->paused = paused;
}

MemoryConsumer::Held* MemoryConsumer::find_held(int32_t source) {
  const auto found = std::find_if(held_.begin(), held_.end(), [&](const Held& held) { return held.source == source; });
  return found == held_.end() ? nullptr : &*found;
}

}  // namespace tocsin::log
