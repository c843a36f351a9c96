#include "engine/kafka/start_positions.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/kafka/errors.h"
#include "engine/kafka/list_offsets.h"

namespace tocsin::kafka {
namespace {

using Kind = log::StartPosition::Kind;

std::string asking(const rd_kafka_topic_partition_t& partition) {
  return fmt::format("asking for the committed offset of {}/{}", partition.topic, partition.partition);
}

int64_t question_spec(const log::StartPosition& wanted) {
  if (wanted.kind == Kind::kEarliest) return OffsetQuestion::kEarliest;
  // Before 1970 lies every record; negative numbers mean other things to Kafka.
  if (wanted.kind == Kind::kTime) return wanted.value < 0 ? OffsetQuestion::kEarliest : wanted.value;
  return OffsetQuestion::kLatest;
}

}  // namespace

Result<std::vector<std::optional<log::CommittedOffset>>> fetch_committed(const Client& client,
                                                                         const std::vector<log::TopicPartition>& partitions,
                                                                         int timeout_ms) {
  std::vector<std::optional<log::CommittedOffset>> committed;
  if (partitions.empty()) return committed;
  const PartitionListHandle list = make_partition_list(partitions.size());
  for (const log::TopicPartition& p : partitions) rd_kafka_topic_partition_list_add(list.get(), p.topic.c_str(), p.partition);
  const rd_kafka_resp_err_t code = rd_kafka_committed(client.get(), list.get(), timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return to_status(code, fmt::format("asking for committed offsets of {} partitions", partitions.size()));
  }
  for (int i = 0; i < list->cnt; ++i) {  // librdkafka keeps the order
    const rd_kafka_topic_partition_t& found = list->elems[i];
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return to_status(found.err, asking(found));
    if (found.offset < 0) {
      committed.emplace_back();
      continue;
    }
    const char* metadata = static_cast<const char*>(found.metadata);
    committed.push_back(log::CommittedOffset{.offset = found.offset,
                                             .metadata = metadata == nullptr ? std::string() : std::string(metadata, found.metadata_size)});
  }
  return committed;
}

Result<std::vector<int64_t>> resolve_positions(const Client& client, const std::vector<log::TopicPartition>& partitions,
                                               const std::vector<log::StartPosition>& wanted, int timeout_ms) {
  std::vector<int64_t> offsets(partitions.size(), -1);
  // Twice: a time after the last record has no answer, and then the end is asked for.
  for (const bool only_end : {false, true}) {
    std::vector<OffsetQuestion> questions;
    std::vector<size_t> asked;
    for (size_t i = 0; i < partitions.size(); ++i) {
      if (wanted[i].kind == Kind::kOffset) {
        offsets[i] = std::max<int64_t>(wanted[i].value, 0);
      } else if (offsets[i] < 0) {
        questions.push_back({.partition = partitions[i], .spec = only_end ? OffsetQuestion::kLatest : question_spec(wanted[i])});
        asked.push_back(i);
      }
    }
    const Result<std::vector<int64_t>> found = list_offsets(client, questions, Isolation::kCommitted, timeout_ms);
    if (!found.ok()) return found.status();
    for (size_t i = 0; i < asked.size(); ++i) offsets[asked[i]] = (*found)[i];
  }
  return offsets;
}

}  // namespace tocsin::kafka
