#pragma once

// What the tests of the Kafka adapter share: one broker for the binary, topics of their own, a consumer that takes notes.
//
// Thread: one, but for the broker (broker.h).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/kafka/client.h"
#include "engine/kafka/kafka.h"
#include "tests/integration/broker.h"

namespace tocsin::kafka::test {

using log::TopicPartition;

inline tocsin::test::Broker& broker() {
  static tocsin::test::Broker instance;
  return instance;
}

inline Properties user_properties() { return {{"bootstrap.servers", broker().bootstrap()}}; }

inline WallTime wall_now() {
  return {std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

// A name that no other test uses.
inline std::string unique(const std::string& stem) {
  static int count = 0;
  return stem + "-" + std::to_string(++count);
}

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().message();
  return std::move(result).value();
}

inline std::string make_topic(const std::string& stem, int32_t partitions, std::map<std::string, std::string> configs = {}) {
  std::string name = unique(stem);
  const auto admin = must(KafkaAdmin::open({.user = user_properties(), .client_id = "test-admin"}));
  must(admin->create({{.name = name, .partitions = partitions, .replication_factor = 1, .configs = std::move(configs)}}));
  return name;
}

inline std::unique_ptr<log::TransactionalProducer> make_producer(const std::string& id, std::vector<std::string> topics,
                                                                 Duration transaction_timeout = Duration{10'000}) {
  ProducerOptions options;
  options.user = user_properties();
  options.client_id = options.transactional_id = id;
  options.topics = std::move(topics);
  options.transaction_timeout = transaction_timeout;
  return must(open_producer(std::move(options)));
}

inline log::OutRecord out(std::string topic, int32_t partition, std::string key, std::string value) {
  log::OutRecord record;
  record.topic = std::move(topic);
  record.partition = partition;
  record.key = std::move(key);
  record.value = std::move(value);
  return record;
}

inline log::Transaction transaction_of(std::vector<log::OutRecord> records) {
  log::Transaction transaction;
  transaction.records = std::move(records);
  return transaction;
}

// Records "0" … "n-1" in one transaction.
inline void fill(const std::string& topic, int32_t partition, int n, int from = 0) {
  const auto producer = make_producer(unique("filler"), {topic});
  std::vector<log::OutRecord> records;
  for (int i = from; i < from + n; ++i) records.push_back(out(topic, partition, "k", std::to_string(i)));
  const auto receipt = producer->commit(transaction_of(std::move(records)));
  ASSERT_TRUE(receipt.ok()) << receipt.status().message();
}

inline std::unique_ptr<log::PartitionReader> make_reader() {
  return must(open_reader({.user = user_properties(), .client_id = "test-reader", .group = {}, .stop = {}}));
}

// All committed values of a partition.
inline std::vector<std::string> values_of(const TopicPartition& partition) {
  struct Collector final : log::PartitionReader::Visitor {
    std::vector<std::string> values;
    Status record(const log::Record& record) override {
      values.emplace_back(record.value);
      return {};
    }
  } collector;
  const auto reader = make_reader();
  const auto bounds = must(reader->bounds(partition));
  const Status status = reader->read(partition, bounds.first, bounds.second, collector);
  EXPECT_TRUE(status.ok()) << status.message();
  return collector.values;
}

inline std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> result;
  for (int i = from; i < to; ++i) result.push_back(std::to_string(i));
  return result;
}

// A client outside the adapter, for what the engine itself never does.
inline std::shared_ptr<Client> raw_producer(const Properties& more) {
  return must(Client::open(RD_KAFKA_PRODUCER, must(make_conf({}, user_properties(), more))));
}

// A group member that notes what happens to it.
class Member final : public log::ConsumerListener {
 public:
  using Kind = log::StartPosition::Kind;

  ConsumerOptions options;
  log::StartPosition start{.kind = Kind::kEarliest, .value = 0};  // where nothing is committed
  bool start_over = false;                                        // takes `start` also where something is
  std::function<void()> when_revoked = [] {};
  std::vector<std::string> notes;  // "assigned 2", "revoked 2", "lost 2", "range 0 3-10"
  std::vector<log::Assignment> given;
  std::map<int32_t, std::pair<int64_t, WallTime>> ends;
  std::vector<std::pair<TopicPartition, std::string>> seen;  // of every record
  std::unique_ptr<log::GroupConsumer> consumer;

  Member(std::string group, std::string member, std::vector<std::string> topics) {
    options.user = user_properties();
    options.client_id = member;
    options.group = std::move(group);
    options.member = std::move(member);
    options.topics = std::move(topics);
    options.clock = &wall_now;
  }
  ~Member() override {
    if (consumer != nullptr) std::ignore = consumer->close();
  }
  void join() { consumer = must(open_consumer(options, *this)); }
  // As a crash would: no goodbye.
  void crash() { consumer.reset(); }

  Status poll_once(Duration timeout = Duration{100}) {
    log::RecordBatch batch;
    Status status = consumer->poll(timeout, batch);
    for (const log::Record& record : batch.records) {
      seen.emplace_back(consumer->sources()[static_cast<size_t>(record.source)], std::string(record.value));
    }
    return status;
  }
  // Polls until the condition holds; the error of a poll other than kUnavailable ends it.
  Status poll_until(const std::function<bool()>& condition, Duration limit = Duration{30'000}) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit.ms);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return unavailable("the condition did not come true");
      Status status = poll_once();
      if (!status.ok() && status.code() != StatusCode::kUnavailable) return status;
    }
    return {};
  }
  StatusCode rewind_status() { return consumer->rewind().code(); }
  Status poll_until_seen(size_t count) {
    return poll_until([&] { return seen.size() >= count; });
  }
  Status poll_until_assigned() {
    return poll_until([&] { return !given.empty(); });
  }
  std::vector<std::string> values_seen() const {
    std::vector<std::string> values;
    values.reserve(seen.size());
    for (const auto& [partition, value] : seen) values.push_back(value);
    return values;
  }
  // The offset to be committed of each assigned partition.
  log::Transaction progress(const std::string& metadata = {}) const {
    log::Transaction transaction;
    for (const log::Assignment& assignment : given) {
      log::OffsetCommit commit;
      commit.partition = consumer->sources()[static_cast<size_t>(assignment.source)];
      commit.offset = consumer->position(assignment.source);
      commit.metadata = metadata;
      transaction.offsets.push_back(std::move(commit));
    }
    transaction.group = consumer->group_metadata();
    return transaction;
  }

  Result<std::vector<log::StartPosition>> on_assigned(const std::vector<log::Assignment>& partitions) override {
    notes.push_back("assigned " + std::to_string(partitions.size()));
    given = partitions;
    std::vector<log::StartPosition> starts;
    for (const log::Assignment& partition : partitions) {
      if (partition.committed.has_value() && !start_over) {
        starts.push_back({Kind::kOffset, partition.committed->offset});
      } else {
        starts.push_back(start);
      }
    }
    return starts;
  }
  void on_revoked(const std::vector<int32_t>& sources) override {
    when_revoked();
    notes.push_back("revoked " + std::to_string(sources.size()));
    given.clear();
  }
  void on_lost(const std::vector<int32_t>& sources) override {
    notes.push_back("lost " + std::to_string(sources.size()));
    given.clear();
  }
  void on_range_lost(int32_t source, int64_t from, int64_t to) override {
    notes.push_back("range " + std::to_string(source) + " " + std::to_string(from) + "-" + std::to_string(to));
  }
  void on_end(int32_t source, int64_t end, WallTime asked_at) override { ends[source] = {end, asked_at}; }
  void on_finished(int32_t /*source*/) override { ADD_FAILURE() << "Kafka's partitions never finish"; }
};

}  // namespace tocsin::kafka::test
