#pragma once

// Messages of librdkafka as log::Record: the views point into the messages, which the batch keeps until it is cleared.
//
// Thread:   the consumer's.
// Lifetime: keeps the client, so a batch may outlive its consumer.

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/kafka/client.h"
#include "engine/log/log.h"

namespace tocsin::kafka {

class MessageStorage final : public log::RecordBatch::Storage {
 public:
  explicit MessageStorage(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  ~MessageStorage() override;
  MessageStorage(const MessageStorage&) = delete;
  MessageStorage& operator=(const MessageStorage&) = delete;

  std::vector<rd_kafka_message_t*> messages;  // owned

 private:
  std::shared_ptr<Client> client_;
};

// The message without its content type.
log::Record to_record(const rd_kafka_message_t& message, int32_t source);

// Header "content-type", or "". Cheap for a message without headers.
std::string_view content_type_of(const rd_kafka_message_t& message);

}  // namespace tocsin::kafka
