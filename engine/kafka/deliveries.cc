#include "engine/kafka/deliveries.h"

#include <fmt/format.h>

#include <algorithm>

namespace tocsin::kafka {
namespace {

bool of_its_transaction(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT || code == RD_KAFKA_RESP_ERR__FATAL;
}

}  // namespace

void Deliveries::delivered(const rd_kafka_message_t& message) {
  const size_t index = reinterpret_cast<size_t>(message._private) - 1;
  if (index >= records_.size()) return;
  const log::OutRecord& record = records_[index];
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (!refusal_.has_value() && !of_its_transaction(message.err)) refusal_ = {message.err, describe(record, index)};
  } else if (record.partition >= 0) {
    int64_t& last = last_offsets_.try_emplace({record.topic, record.partition}, message.offset).first->second;
    // A broker that has had a batch already may say so without its offset: librdkafka then counts on from -1.
    last = last < 0 || message.offset < 0 ? -1 : std::max(last, message.offset);
  }
}

log::CommitReceipt Deliveries::receipt() const {
  log::CommitReceipt receipt;
  receipt.last_offsets.reserve(last_offsets_.size());
  for (const auto& [partition, offset] : last_offsets_) {
    receipt.last_offsets.emplace_back(log::TopicPartition{std::string(partition.first), partition.second}, offset);
  }
  return receipt;
}

std::string Deliveries::describe(const log::OutRecord& record, size_t index) {
  const size_t bytes = record.key.size() + (record.value.has_value() ? record.value->size() : 0);
  return fmt::format("record {} for topic '{}', {} bytes", index, record.topic, bytes);
}

}  // namespace tocsin::kafka
