#pragma once

// Writes messages to Kafka outside any transaction: the load generator's, in the part of an application, and the status of a process.
//
// Idempotent, so a retried message is neither doubled nor overtaken: what lies in a partition is what was sent, in that order.
//
// Thread:   one; librdkafka's own threads send. Delivery reports are served within the calls.
// Lifetime: the destructor drops what flush() has not waited for.
// Failure:  kUnavailable: the broker cannot be reached, or a message was given up; nothing more can be sent then. kNotFound: the topic
//           does not exist. kInvalidArgument: a property, a right that is missing, a message that is too large.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/status.h"
#include "engine/base/time.h"
#include "engine/kafka/properties.h"

namespace tocsin::kafka {

class KafkaPlainProducer {
 public:
  // `user` must have passed check_properties(); it may name the client by client.id. Does not wait for the broker.
  static Result<std::unique_ptr<KafkaPlainProducer>> make(const Properties& user, const std::string& topic);
  ~KafkaPlainProducer();
  KafkaPlainProducer(const KafkaPlainProducer&) = delete;
  KafkaPlainProducer& operator=(const KafkaPlainProducer&) = delete;

  // How many partitions the topic has.
  Result<int32_t> partition_count(Duration timeout);
  // Hands a copy of `value` to the client. False: its queue is full and stayed so for a tenth of a second; call again (or give up).
  // `content_type`: of the header of that name; "" for none.
  Result<bool> send(int32_t partition, std::string_view value, std::string_view content_type);
  // Waits up to `timeout` until everything that was sent has been acknowledged. kUnavailable if some of it has not.
  Status flush(Duration timeout);
  // Serves what has come back from the broker, without waiting. Call it when nothing is sent for a while.
  void poll();

 private:
  struct State;
  explicit KafkaPlainProducer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace tocsin::kafka
