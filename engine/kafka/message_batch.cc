#include "engine/kafka/message_batch.h"

namespace tocsin::kafka {

MessageStorage::~MessageStorage() {
  for (rd_kafka_message_t* message : messages) rd_kafka_message_destroy(message);
}

log::Record to_record(const rd_kafka_message_t& message, int32_t source) {
  log::Record record;
  record.source = source;
  record.offset = message.offset;
  if (message.key != nullptr) record.key = {static_cast<const char*>(message.key), message.key_len};
  record.has_value = message.payload != nullptr;
  if (record.has_value) record.value = {static_cast<const char*>(message.payload), message.len};
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  record.timestamp_ms = rd_kafka_message_timestamp(&message, &type);
  record.log_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
  return record;
}

std::string_view content_type_of(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const void* value = nullptr;
  size_t size = 0;
  if (rd_kafka_header_get_last(headers, "content-type", &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR || value == nullptr) return {};
  return {static_cast<const char*>(value), size};
}

}  // namespace tocsin::kafka
