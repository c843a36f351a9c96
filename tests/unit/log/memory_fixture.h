#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/log/memory_log.h"

namespace tocsin::log {

inline OutRecord record(std::string topic, int32_t partition, std::string value) {
  return {.topic = std::move(topic), .partition = partition, .key = "k", .value = std::move(value), .headers = {}};
}

// A MemoryLog with a clock that stands still until it is moved.
struct LogFixture {
  explicit LogFixture(MemoryLogOptions options = {}) : log(with_clock(std::move(options))) {}

  std::unique_ptr<GroupConsumer> join(ConsumerListener& listener, std::string instance_id = "", std::vector<std::string> topics = {"in"},
                                      AssignmentStrategy strategy = AssignmentStrategy::kRange) {
    MemoryConsumerOptions options;
    options.group = "g";
    options.instance_id = std::move(instance_id);
    options.topics = std::move(topics);
    options.strategy = strategy;
    return log.consumer(std::move(options), listener);
  }
  void feed(int32_t partition, std::string value) {
    const Result<int64_t> offset = log.append(record("in", partition, std::move(value)));
    TOCSIN_CHECK(offset.ok(), offset.status().message());
  }
  // A transaction that commits `offset` of partition 0 of "in" under the consumer's present identity.
  static Transaction offset_of(GroupConsumer& consumer, int64_t offset, int32_t partition = 0) {
    return {.records = {}, .offsets = {{{"in", partition}, offset, "meta"}}, .group = consumer.group_metadata()};
  }

  int64_t now_ms = 1'000;
  MemoryLog log;

 private:
  MemoryLogOptions with_clock(MemoryLogOptions options) {
    options.clock = [this] { return WallTime{now_ms}; };
    return options;
  }
};

}  // namespace tocsin::log
