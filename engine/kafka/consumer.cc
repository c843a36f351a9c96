#include "engine/kafka/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/kafka/errors.h"

namespace tocsin::kafka {
namespace {

constexpr int kMetadataTimeoutMs = 5'000;

Properties defaults_for(const ConsumerOptions& options) {
  Properties properties = common_defaults(options.client_id);
  // Together twice as long as it takes a killed process to come back; the group waits so long for one that does not.
  properties["session.timeout.ms"] = "6000";
  properties["heartbeat.interval.ms"] = "2000";
  properties["check.crcs"] = "true";
  properties["fetch.wait.max.ms"] = "50";
  // The queue is bounded in bytes; a bound in messages, or a long pause at the bound, would leave the reader idle.
  properties["queued.min.messages"] = "10000000";
  properties["fetch.queue.backoff.ms"] = "5";
  properties["fetch.max.bytes"] = std::to_string(std::clamp<int64_t>(options.queue_bytes, 1 << 20, 50 << 20));
  // What is fetched counts only when it has been unpacked, to many times its size.
  properties["fetch.message.max.bytes"] = std::to_string(std::clamp<int64_t>(options.queue_bytes / 16, 64 << 10, 1 << 20));
  return properties;
}

Properties fixed_for(const ConsumerOptions& options) {
  return {
      {"group.id", options.group},
      {"group.instance.id", instance_id(options.member, options.topics)},
      {"group.protocol", "classic"},
      {"partition.assignment.strategy", options.assignor == Assignor::kRange ? "range" : "roundrobin"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"isolation.level", "read_committed"},
      {"allow.auto.create.topics", "false"},
      {"queued.max.messages.kbytes", queue_kbytes(options.queue_bytes)},
  };
}

}  // namespace

std::string instance_id(const std::string& member, std::vector<std::string> topics) {
  std::sort(topics.begin(), topics.end());
  uint64_t hash = kFnvOffsetBasis;
  for (const std::string& topic : topics) hash = fnv1a(topic + '\n', hash);
  return fmt::format("{}-{:08x}", member, hash >> 32);
}

Result<std::unique_ptr<log::GroupConsumer>> open_consumer(ConsumerOptions options, log::ConsumerListener& listener) {
  Result<std::unique_ptr<KafkaConsumer>> consumer = KafkaConsumer::open(std::move(options), listener);
  if (!consumer.ok()) return consumer.status();
  return std::unique_ptr<log::GroupConsumer>(std::move(*consumer));
}

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::open(ConsumerOptions options, log::ConsumerListener& listener) {
  TOCSIN_CHECK(options.clock && !options.topics.empty() && options.batch_records_max > 1, "consumer options are incomplete");
  TOCSIN_RETURN_IF_ERROR(check_properties(options.user));
  for (const std::string& topic : options.topics) {
    if (topic.starts_with('^')) return invalid_argument(fmt::format("topic '{}': patterns are not taken; name each topic", topic));
  }
  Result<std::shared_ptr<Client>> client = make_client(options);
  if (!client.ok()) return client.status();
  std::unique_ptr<KafkaConsumer> consumer(new KafkaConsumer(std::move(options), listener, std::move(*client)));
  TOCSIN_RETURN_IF_ERROR(consumer->subscribe());
  return consumer;
}

Result<std::shared_ptr<Client>> KafkaConsumer::make_client(const ConsumerOptions& options) {
  Result<ConfHandle> conf = make_conf(defaults_for(options), options.user, fixed_for(options));
  if (!conf.ok()) return conf.status();
  return Client::open(RD_KAFKA_CONSUMER, std::move(*conf));
}

KafkaConsumer::KafkaConsumer(ConsumerOptions options, log::ConsumerListener& listener, std::shared_ptr<Client> client)
    : options_(std::move(options)),
      listener_(listener),
      client_(std::move(client)),
      sources_by_topic_(options_.topics.size()),
      probes_(client_, options_.clock),
      scratch_(options_.batch_records_max - 1),
      first_session_(Deadline::in(client_->session_timeout())) {}

KafkaConsumer::~KafkaConsumer() = default;

Status KafkaConsumer::subscribe() {
  rd_kafka_poll_set_consumer(client_->get());
  queue_.reset(rd_kafka_queue_get_consumer(client_->get()));
  const PartitionListHandle list = make_partition_list(options_.topics.size());
  for (const std::string& name : options_.topics) {
    Result<TopicHandle> topic = open_topic(*client_, name);
    if (!topic.ok()) return topic.status();
    topics_.push_back(std::move(*topic));
    rd_kafka_topic_partition_list_add(list.get(), name.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const rd_kafka_resp_err_t code = rd_kafka_subscribe(client_->get(), list.get());
  return code == RD_KAFKA_RESP_ERR_NO_ERROR ? Status() : to_status(code, fmt::format("joining group '{}'", options_.group));
}

Status KafkaConsumer::poll(Duration timeout, log::RecordBatch& batch) {
  TOCSIN_CHECK(!in_listener_ && !closed_, "poll() from within the listener, or after close()");
  batch.clear();
  const Status status = waiting_for_topic(act());
  if (!fenced_.ok()) return fenced_;
  // Also after an error: librdkafka wants to be served, and the wait keeps a caller that tries again from spinning.
  take(timeout, batch);
  if (!batch.records.empty()) return {};
  return status.ok() ? waiting_for_topic(std::exchange(error_, Status())) : status;
}

void KafkaConsumer::take(Duration timeout, log::RecordBatch& batch) {
  // consume_batch_queue() waits until its array is full or the time is over, so the waiting is left to consumer_poll(), and the batch
  // takes what there is.
  const int timeout_ms = static_cast<int>(std::clamp<int64_t>(timeout.ms, 0, 60'000));
  if (rd_kafka_message_t* first = rd_kafka_consumer_poll(client_->get(), timeout_ms); first != nullptr) {
    auto storage = std::make_unique<MessageStorage>(client_);
    ssize_t more = 0;
    if (client_->events().rebalances.empty()) {
      more = std::max<ssize_t>(rd_kafka_consume_batch_queue(queue_.get(), 0, scratch_.data(), batch_size()), 0);
    }
    storage->messages.reserve(static_cast<size_t>(more) + 1);
    storage->messages.push_back(first);
    storage->messages.insert(storage->messages.end(), scratch_.begin(), scratch_.begin() + more);
    batch.records.reserve(storage->messages.size());
    size_t bytes = 0;
    for (rd_kafka_message_t* message : storage->messages) {
      bytes += message->len;
      add(*message, batch);
    }
    record_bytes_ = bytes / storage->messages.size();
    batch.storage = std::move(storage);
  }
  if (std::optional<Status> error = std::exchange(client_->events().error, std::nullopt); error.has_value()) error_ = std::move(*error);
}

// A batch is beside the queue, so it may be as large as a quarter of that; records are taken to be as large as those of the last batch.
size_t KafkaConsumer::batch_size() const {
  const size_t fits = static_cast<size_t>(options_.queue_bytes) / 4 / std::max<size_t>(record_bytes_, 1);
  return std::clamp<size_t>(fits, 1, scratch_.size());
}

void KafkaConsumer::add(rd_kafka_message_t& message, log::RecordBatch& batch) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return note_error(message);
  const int32_t source = source_of(message);
  if (!slot(source).reading) return;  // its start was given up as too slow: read_on() goes back and reads this again
  batch.records.push_back(to_record(message, source));
  if (options_.read_content_type) batch.records.back().content_type = content_type_of(message);
}

void KafkaConsumer::note_error(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR__FATAL) return;  // act() asks for it
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && message.rkt != nullptr) {
    slot(source_of(message)).out_of_range = true;
    return;
  }
  const std::string where =
      message.rkt == nullptr ? fmt::format("group '{}'", options_.group) : fmt::format("topic '{}'", rd_kafka_topic_name(message.rkt));
  error_ = to_status(message.err, where, rd_kafka_message_errstr(&message));
}

int32_t KafkaConsumer::source_of(std::string_view topic, int32_t partition) {
  const auto named = std::find(options_.topics.begin(), options_.topics.end(), topic);
  TOCSIN_CHECK(named != options_.topics.end() && partition >= 0, "a partition of a topic that was not subscribed to");
  std::vector<int32_t>& by_partition = sources_by_topic_[static_cast<size_t>(named - options_.topics.begin())];
  const auto index = static_cast<size_t>(partition);
  if (index >= by_partition.size()) by_partition.resize(index + 1, -1);
  if (by_partition[index] < 0) {
    by_partition[index] = static_cast<int32_t>(sources_.size());
    sources_.push_back({std::string(topic), partition});
    slots_.emplace_back();
  }
  return by_partition[index];
}

int32_t KafkaConsumer::source_of(const rd_kafka_message_t& message) {
  for (size_t i = 0; i < topics_.size(); ++i) {
    const auto index = static_cast<size_t>(message.partition);
    if (topics_[i].get() == message.rkt && index < sources_by_topic_[i].size() && sources_by_topic_[i][index] >= 0) {
      return sources_by_topic_[i][index];
    }
  }
  return source_of(rd_kafka_topic_name(message.rkt), message.partition);
}

std::vector<log::TopicPartition> KafkaConsumer::partitions_of(const std::vector<int32_t>& sources) const {
  std::vector<log::TopicPartition> partitions;
  partitions.reserve(sources.size());
  for (const int32_t source : sources) partitions.push_back(at(source));
  return partitions;
}

int64_t KafkaConsumer::position(int32_t source) const {
  if (!slot(source).reading) return slot(source).start;
  const PartitionListHandle list = make_partition_list(1);
  const rd_kafka_topic_partition_t* found = rd_kafka_topic_partition_list_add(list.get(), at(source).topic.c_str(), at(source).partition);
  rd_kafka_position(client_->get(), list.get());
  return found->offset >= 0 ? found->offset : slot(source).start;
}

Result<std::vector<std::pair<std::string, int32_t>>> KafkaConsumer::partition_counts() {
  std::vector<std::pair<std::string, int32_t>> counts;
  for (size_t i = 0; i < topics_.size(); ++i) {
    const Result<TopicMetadata> metadata = fetch_metadata(*client_, topics_[i].get(), kMetadataTimeoutMs);
    if (!metadata.ok()) return metadata.status();
    if (metadata->error != RD_KAFKA_RESP_ERR_NO_ERROR) return to_status(metadata->error, fmt::format("topic '{}'", options_.topics[i]));
    counts.emplace_back(options_.topics[i], metadata->partitions);
  }
  return counts;
}

void KafkaConsumer::pause(int32_t source) {
  slot(source).paused = true;
  if (!slot(source).reading) return;  // read_on() will see to it
  const PartitionListHandle list = make_partition_list(1);
  rd_kafka_topic_partition_list_add(list.get(), at(source).topic.c_str(), at(source).partition);
  rd_kafka_pause_partitions(client_->get(), list.get());
}

void KafkaConsumer::resume(int32_t source) {
  slot(source).paused = false;
  if (!slot(source).reading) return;
  const PartitionListHandle list = make_partition_list(1);
  rd_kafka_topic_partition_list_add(list.get(), at(source).topic.c_str(), at(source).partition);
  rd_kafka_resume_partitions(client_->get(), list.get());
}

std::shared_ptr<const log::GroupMetadata> KafkaConsumer::group_metadata() {
  GroupMetadataHandle handle(rd_kafka_consumer_group_metadata(client_->get()));
  if (handle == nullptr || rd_kafka_consumer_group_metadata_generation_id(handle.get()) < 0) return nullptr;
  // The session has ended: offsets sent without a member id would be answered as if another process had taken our name.
  const char* member = rd_kafka_consumer_group_metadata_member_id(handle.get());
  if (member == nullptr || *member == '\0') return nullptr;
  return std::make_shared<KafkaGroupMetadata>(std::move(handle));
}

Status KafkaConsumer::close() {
  TOCSIN_CHECK(!in_listener_, "close() from within the listener");
  if (std::exchange(closed_, true)) return {};
  ClientEvents& events = client_->events();
  const bool lost = std::any_of(events.rebalances.begin(), events.rebalances.end(), [](const RebalanceEvent& e) { return e.lost; });
  give_up(lost || rd_kafka_assignment_lost(client_->get()) != 0);
  pending_.reset();
  events.closing = true;
  // librdkafka would wait for ever for the answer to a rebalance that it has told us of. Only then: an unasked answer makes it join
  // again, and the group rebalance.
  if (!events.rebalances.empty()) rd_kafka_assign(client_->get(), nullptr);
  events.rebalances.clear();
  const rd_kafka_resp_err_t code = rd_kafka_consumer_close(client_->get());
  // A client that was fenced is no member, and has nothing to leave.
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || !client_->fatal_error().ok()) return {};
  return to_status(code, fmt::format("leaving group '{}'", options_.group));
}

}  // namespace tocsin::kafka
