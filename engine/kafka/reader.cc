#include "engine/kafka/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "engine/kafka/deadline.h"
#include "engine/kafka/errors.h"
#include "engine/kafka/message_batch.h"

namespace tocsin::kafka {
namespace {

constexpr int kBoundsTimeoutMs = 10'000;
constexpr int kPollMs = 100;
constexpr std::chrono::milliseconds kLookAgain{5}, kLookAgainMax{100};

Properties defaults_for(const ReaderOptions& options) {
  Properties properties = common_defaults(options.client_id);
  properties["check.crcs"] = "true";
  properties["fetch.wait.max.ms"] = "50";
  properties["queued.min.messages"] = "10000000";
  properties["fetch.queue.backoff.ms"] = "5";
  return properties;
}

Properties fixed_for(const ReaderOptions& options) {
  return {
      {"group.id", options.group.empty() ? options.client_id : options.group},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"isolation.level", "read_committed"},
      {"allow.auto.create.topics", "false"},
      {"enable.partition.eof", "true"},  // tells the end also where nothing but markers lies before it
      {"queued.max.messages.kbytes", queue_kbytes(options.queue_bytes)},
  };
}

std::string name_of(const log::TopicPartition& partition) { return fmt::format("{}/{}", partition.topic, partition.partition); }

}  // namespace

Result<std::unique_ptr<log::PartitionReader>> open_reader(ReaderOptions options) {
  Result<std::unique_ptr<KafkaReader>> reader = KafkaReader::open(std::move(options));
  if (!reader.ok()) return reader.status();
  return std::unique_ptr<log::PartitionReader>(std::move(*reader));
}

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(ReaderOptions options) {
  TOCSIN_RETURN_IF_ERROR(check_properties(options.user));
  Result<ConfHandle> conf = make_conf(defaults_for(options), options.user, fixed_for(options));
  if (!conf.ok()) return conf.status();
  Result<std::shared_ptr<Client>> client = Client::open(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!client.ok()) return client.status();
  rd_kafka_poll_set_consumer((*client)->get());
  return std::unique_ptr<KafkaReader>(new KafkaReader(std::move(options), std::move(*client)));
}

Result<int64_t> KafkaReader::ask(const log::TopicPartition& partition, int64_t spec, Isolation isolation) const {
  const auto offsets = list_offsets(*client_, {{partition, spec}}, isolation, kBoundsTimeoutMs);
  if (offsets.ok()) return offsets->front();
  look_for_brokers(client_->get());
  return offsets.status();
}

Result<std::pair<int64_t, int64_t>> KafkaReader::bounds(const log::TopicPartition& partition) {
  const Result<int64_t> low = ask(partition, OffsetQuestion::kEarliest, Isolation::kCommitted);
  if (!low.ok()) return low.status();
  const Result<int64_t> written = ask(partition, OffsetQuestion::kLatest, Isolation::kUncommitted);
  if (!written.ok()) return written.status();
  const Deadline deadline = Deadline::in(options_.progress_timeout);
  for (auto pause = kLookAgain;; pause = std::min(pause * 2, kLookAgainMax)) {
    const Result<int64_t> readable = ask(partition, OffsetQuestion::kLatest, Isolation::kCommitted);
    if (!readable.ok()) return readable.status();
    if (*readable >= *written) return std::pair(*low, *readable);
    if (options_.stop.stop_requested() || deadline.passed()) {
      return unavailable(
          fmt::format("{}: a transaction has not ended: records before offset {} are written, those before {} readable; if "
                      "that lasts for minutes, see \"A partition on which nothing moves\" in docs/operations.md",
                      name_of(partition), *written, *readable));
    }
    std::this_thread::sleep_for(pause);
  }
}

Status KafkaReader::read(const log::TopicPartition& partition, int64_t from, int64_t to, Visitor& visit) {
  if (from >= to) return {};
  const PartitionListHandle list = make_partition_list(1);
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset = std::max<int64_t>(from, 0);
  const rd_kafka_resp_err_t code = rd_kafka_assign(client_->get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return to_status(code, fmt::format("reading {}", name_of(partition)));
  Status status = read_assigned(partition, to, visit);
  rd_kafka_assign(client_->get(), nullptr);
  return status;
}

Status KafkaReader::read_assigned(const log::TopicPartition& partition, int64_t to, Visitor& visit) {
  Deadline deadline = Deadline::in(options_.progress_timeout);
  for (;;) {
    const MessageHandle message(rd_kafka_consumer_poll(client_->get(), kPollMs));
    const Result<Progress> progress = message == nullptr ? Progress::kNone : take(partition, *message, to, visit);
    if (!progress.ok()) return progress.status();
    if (*progress == Progress::kDone) return {};
    if (*progress == Progress::kSome) deadline = Deadline::in(options_.progress_timeout);
    // Asked at every record: a long changelog must not hold up the end of the process.
    if (options_.stop.stop_requested()) return unavailable(fmt::format("reading {} was stopped", name_of(partition)));
    if (*progress == Progress::kSome || !deadline.passed()) continue;
    look_for_brokers(client_->get());
    const std::optional<Status> cause = std::exchange(client_->events().error, std::nullopt);
    return unavailable(fmt::format("reading {}: nothing came for {} ms before offset {}{}{}", name_of(partition),
                                   options_.progress_timeout.ms, to, cause.has_value() ? "; " : "",
                                   cause.has_value() ? cause->message() : ""));
  }
}

Result<KafkaReader::Progress> KafkaReader::take(const log::TopicPartition& partition, const rd_kafka_message_t& message, int64_t to,
                                                Visitor& visit) const {
  if (message.rkt != nullptr && (partition.topic != rd_kafka_topic_name(message.rkt) || partition.partition != message.partition)) {
    return Progress::kNone;  // left over from the partition that was read before
  }
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return message.offset >= to ? Progress::kDone : Progress::kNone;
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    return not_found(fmt::format("reading {}: the records at the position were removed before they were read; ask for the bounds again",
                                 name_of(partition)));
  }
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const Status status = to_status(message.err, fmt::format("reading {}", name_of(partition)), rd_kafka_message_errstr(&message));
    if (status.code() == StatusCode::kUnavailable) return Progress::kNone;  // librdkafka goes on by itself
    return status;
  }
  if (message.offset >= to) return Progress::kDone;
  log::Record record = to_record(message, 0);
  record.content_type = content_type_of(message);
  TOCSIN_RETURN_IF_ERROR(visit.record(record));
  return message.offset + 1 >= to ? Progress::kDone : Progress::kSome;
}

}  // namespace tocsin::kafka
