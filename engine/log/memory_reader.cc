#include "engine/log/memory_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace tocsin::log {
namespace {

// Records taken per turn of the lock: others are not held up by a long read.
constexpr size_t kRecordsPerTurn = 256;

Status no_such(const TopicPartition& partition) {
  return not_found(fmt::format("there is no {} partition {}", partition.topic, partition.partition));
}

}  // namespace

Result<std::pair<int64_t, int64_t>> MemoryReader::bounds(const TopicPartition& partition) {
  const std::lock_guard lock(broker_.mutex);
  const MemoryPartition* found = broker_.find_partition(partition);
  if (found == nullptr) return no_such(partition);
  return std::pair{found->start(), found->readable_end()};
}

Status MemoryReader::read(const TopicPartition& partition, int64_t from, int64_t to, Visitor& visit) {
  bool log_append_time = false;
  std::vector<std::shared_ptr<const StoredRecord>> turn;
  while (from < to) {
    turn.clear();
    {
      const std::lock_guard lock(broker_.mutex);
      const MemoryPartition* found = broker_.find_partition(partition);
      if (found == nullptr) return no_such(partition);
      if (from < found->start() || to > found->readable_end()) {
        const std::string text = fmt::format("{} partition {} holds offsets {} to {}; {} to {} were asked for", partition.topic,
                                             partition.partition, found->start(), found->readable_end(), from, to);
        return from < found->start() ? data_loss(text) : unavailable(text);
      }
      log_append_time = broker_.find_topic(partition.topic)->options.log_append_time;
      for (auto next = found->find(from); next != found->records().end() && (*next)->offset() < to && turn.size() < kRecordsPerTurn;
           ++next) {
        turn.push_back(*next);
      }
    }
    if (turn.empty()) return {};
    for (const auto& record : turn) TOCSIN_RETURN_IF_ERROR(visit.record(record->view(0, log_append_time)));
    from = turn.back()->offset() + 1;
  }
  return {};
}

}  // namespace tocsin::log
