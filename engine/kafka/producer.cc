#include "engine/kafka/producer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/test_switches.h"
#include "engine/kafka/consumer.h"

namespace tocsin::kafka {
namespace {

// A transaction is flushed as soon as it has been handed over, which ends all waiting, so this only has to be longer than it takes to hand
// a transaction over. When a part of it is sent before, the thread of the client that has the rest polls without pause until the broker has
// answered: as soon as five messages of a partition are in flight librdkafka 2.14 sends it no more, and takes the rest for overdue
// (rd_kafka_msgq_allow_wakeup_at()). With 1 ms that was a quarter of all processor time of a drain.
constexpr const char* kLingerMs = "200";
constexpr int kInitSliceMs = 500;  // init_transactions() can be resumed, so a stop is noticed within this time
constexpr int kFlushSliceMs = 20;
constexpr int kPrimeTimeoutMs = 5'000;
constexpr int kQueueFullWaitMs = 10;
constexpr Duration kOffsetsGrace{500};  // for a time-out that librdkafka does keep

Properties defaults_for(const ProducerOptions& options) {
  Properties properties = common_defaults(options.client_id);
  properties["compression.type"] = "lz4";
  properties["linger.ms"] = kLingerMs;
  properties["batch.size"] = "1000000";
  properties["batch.num.messages"] = "10000";
  properties["queue.buffering.max.messages"] = "200000";
  // While the markers of the last transaction are being written the coordinator says "not yet": ask again soon.
  properties["retry.backoff.ms"] = "20";
  properties["retry.backoff.max.ms"] = "200";
  // librdkafka wants it at least 100 ms below the transaction's; half leaves time for a second try.
  properties["socket.timeout.ms"] = std::to_string(std::max<int64_t>(options.transaction_timeout.ms / 2, 500));
  return properties;
}

Properties fixed_for(const ProducerOptions& options) {
  const std::string timeout = std::to_string(options.transaction_timeout.ms);
  return {
      {"transactional.id", options.transactional_id},
      {"transaction.timeout.ms", timeout},
      {"message.timeout.ms", timeout},
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"partitioner", "murmur2_random"},  // where Java's clients put the same key
      {"allow.auto.create.topics", "false"},
      // How long a record waits for a topic that the brokers do not know; it ends before the transaction does.
      {"topic.metadata.propagation.max.ms", std::to_string(options.transaction_timeout.ms / 2)},
  };
}

std::optional<TransactionError> failure(ErrorHandle error) {
  if (error == nullptr) return std::nullopt;
  return describe(*error);
}

PartitionListHandle partition_list(const std::vector<log::OffsetCommit>& commits) {
  PartitionListHandle list = make_partition_list(commits.size());
  for (const log::OffsetCommit& commit : commits) {
    rd_kafka_topic_partition_t* entry =
        rd_kafka_topic_partition_list_add(list.get(), commit.partition.topic.c_str(), commit.partition.partition);
    entry->offset = commit.offset;
    if (commit.metadata.empty()) continue;
    entry->metadata = rd_kafka_mem_malloc(nullptr, commit.metadata.size());  // the list frees it
    std::copy(commit.metadata.begin(), commit.metadata.end(), static_cast<char*>(entry->metadata));
    entry->metadata_size = commit.metadata.size();
  }
  return list;
}

TransactionError must_abort(rd_kafka_resp_err_t code, std::string message) {
  return {.code = code, .fatal = false, .must_abort = true, .message = std::move(message)};
}

}  // namespace

Result<std::unique_ptr<log::TransactionalProducer>> open_producer(ProducerOptions options) {
  Result<std::unique_ptr<KafkaProducer>> producer = KafkaProducer::open(std::move(options));
  if (!producer.ok()) return producer.status();
  return std::unique_ptr<log::TransactionalProducer>(std::move(*producer));
}

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::open(ProducerOptions options) {
  TOCSIN_RETURN_IF_ERROR(check_properties(options.user));
  std::unique_ptr<KafkaProducer> producer(new KafkaProducer(std::move(options)));
  TOCSIN_RETURN_IF_ERROR(producer->replace());
  return producer;
}

std::string KafkaProducer::who() const { return fmt::format("transactional id '{}'", options_.transactional_id); }

Status KafkaProducer::replace() {
  topics_.clear();
  client_.reset();
  TOCSIN_RETURN_IF_ERROR(make_client());
  TOCSIN_RETURN_IF_ERROR(take_over(Deadline::in(options_.replace_timeout)));
  prime_topics();
  return {};
}

Status KafkaProducer::make_client() {
  Result<ConfHandle> conf = make_conf(defaults_for(options_), options_.user, fixed_for(options_));
  if (!conf.ok()) return conf.status();
  Result<std::shared_ptr<Client>> client = Client::open(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!client.ok()) return client.status();
  client_ = std::move(*client);
  return {};
}

Status KafkaProducer::take_over(Deadline deadline) {
  for (;;) {
    const ErrorHandle error(rd_kafka_init_transactions(client_->get(), std::max(deadline.remaining_ms(kInitSliceMs), 1)));
    if (error == nullptr) return {};
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    if (rd_kafka_error_is_retriable(error.get()) == 0) return to_status(code, who(), rd_kafka_error_string(error.get()));
    if (options_.stop.stop_requested()) return unavailable(fmt::format("{}: stopped while waiting for the coordinator", who()));
    if (deadline.passed()) {
      return unavailable(
          to_status(code, fmt::format("{}: not owned after {} ms", who(), options_.replace_timeout.ms), rd_kafka_error_string(error.get()))
              .message());
    }
  }
}

void KafkaProducer::prime_topics() {
  // Without it the first transaction waits a second for metadata. A topic that is missing says so when it is written to.
  for (const std::string& name : options_.topics) {
    const Result<rd_kafka_topic_t*> found = topic(name);
    if (!found.ok() || !fetch_metadata(*client_, *found, kPrimeTimeoutMs).ok()) return;
  }
}

Result<rd_kafka_topic_t*> KafkaProducer::topic(const std::string& name) {
  if (const auto found = topics_.find(name); found != topics_.end()) return found->second.get();
  Result<TopicHandle> opened = open_topic(*client_, name);
  if (!opened.ok()) return opened.status();
  return topics_.emplace(name, std::move(*opened)).first->second.get();
}

Result<log::CommitReceipt> KafkaProducer::commit(log::Transaction transaction) {
  if (!fenced_.ok()) return fenced_;
  if (transaction.records.empty() && transaction.offsets.empty()) return log::CommitReceipt();
  if (doubtful_) {
    TOCSIN_RETURN_IF_ERROR(replace());
    doubtful_ = false;
    return aborted(fmt::format("{}: an earlier transaction ended in doubt, so this one was not begun", who()));
  }
  if (!transaction.offsets.empty() && transaction.group == nullptr) {
    return aborted(fmt::format("{}: not a member of the consumer group, so its offsets could not be committed", who()));
  }
  const Deadline deadline = Deadline::in(options_.transaction_timeout);
  Deliveries deliveries(transaction.records);
  client_->events().deliveries = &deliveries;
  const std::optional<TransactionError> error = attempt(transaction, deadline, deliveries);
  const Status status = error.has_value() ? settle(*error, deadline, deliveries) : Status();
  if (client_ != nullptr) client_->events().deliveries = nullptr;
  if (!status.ok()) return status;
  return deliveries.receipt();
}

std::optional<TransactionError> KafkaProducer::attempt(const log::Transaction& transaction, Deadline deadline, Deliveries& deliveries) {
  test_switches::failpoint("transaction_begin");
  if (auto error = failure(ErrorHandle(rd_kafka_begin_transaction(client_->get())))) return error;
  if (auto error = enqueue(transaction.records, deadline)) return error;
  test_switches::failpoint("transaction_records");
  if (auto error = send_offsets(transaction, deadline)) return error;
  test_switches::failpoint("transaction_offsets");
  // Not -1: librdkafka would ask for as long as EndTxn is not answered, and was seen to wait for an answer that it had given up on. Once,
  // and not again after a time-out: its state may be behind the coordinator's then, so the client is replaced.
  if (auto error = failure(ErrorHandle(rd_kafka_commit_transaction(client_->get(), std::max(deadline.remaining_ms(), 1))))) return error;
  test_switches::failpoint("transaction_committed");
  TOCSIN_CHECK(!deliveries.refusal().has_value(), "a transaction was committed without one of its records");
  return std::nullopt;
}

std::optional<TransactionError> KafkaProducer::enqueue(const std::vector<log::OutRecord>& records, Deadline deadline) {
  for (size_t i = 0; i < records.size(); ++i) {
    const Result<rd_kafka_topic_t*> handle = topic(records[i].topic);
    if (!handle.ok()) return must_abort(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, handle.status().message());
    rd_kafka_resp_err_t code = enqueue_one(records[i], i, *handle);
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && !deadline.passed() && !options_.stop.stop_requested()) {
      rd_kafka_poll(client_->get(), kQueueFullWaitMs);
      code = enqueue_one(records[i], i, *handle);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return must_abort(code, fmt::format("{}: {}", Deliveries::describe(records[i], i), rd_kafka_err2str(code)));
    }
  }
  return std::nullopt;
}

rd_kafka_resp_err_t KafkaProducer::enqueue_one(const log::OutRecord& record, size_t index, rd_kafka_topic_t* topic) {
  std::vector<rd_kafka_vu_t> fields;
  fields.reserve(6 + record.headers.size());
  const auto field = [&fields](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    fields.emplace_back().vtype = type;
    return fields.back();
  };
  field(RD_KAFKA_VTYPE_RKT).u.rkt = topic;
  field(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition >= 0 ? record.partition : RD_KAFKA_PARTITION_UA;
  field(RD_KAFKA_VTYPE_OPAQUE).u.ptr = Deliveries::tag(index);
  // Copied: after an abort librdkafka may report a record as done while a request with its bytes still lies in a socket's queue.
  field(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  if (!record.key.empty()) field(RD_KAFKA_VTYPE_KEY).u.mem = {const_cast<char*>(record.key.data()), record.key.size()};
  if (record.value.has_value()) field(RD_KAFKA_VTYPE_VALUE).u.mem = {const_cast<char*>(record.value->data()), record.value->size()};
  for (const log::Header& header : record.headers) {
    field(RD_KAFKA_VTYPE_HEADER).u.header = {header.name.c_str(), header.value.data(), static_cast<ssize_t>(header.value.size())};
  }
  const ErrorHandle error(rd_kafka_produceva(client_->get(), fields.data(), fields.size()));
  return error == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error.get());
}

std::optional<TransactionError> KafkaProducer::send_offsets(const log::Transaction& transaction, Deadline deadline) {
  if (transaction.offsets.empty()) return std::nullopt;
  const auto group = std::dynamic_pointer_cast<const KafkaGroupMetadata>(transaction.group);
  TOCSIN_CHECK(group != nullptr, "the group metadata are not of a Kafka consumer");
  // When a question for the group's coordinator fails, librdkafka asks again only once some connection comes or goes, whatever the
  // time-out: after a broker stood still for a moment that was minutes. So the call owns what it needs, and is not waited for.
  struct Call {  // what the call needs, and its answer
    std::shared_ptr<Client> client;
    PartitionListHandle offsets;
    std::shared_ptr<const KafkaGroupMetadata> group;
    std::optional<TransactionError> error;
  };
  const auto call = std::make_shared<Call>(Call{client_, partition_list(transaction.offsets), group, {}});
  const auto send = [call, timeout_ms = std::max(deadline.remaining_ms(), 1)] {
    call->error = failure(
        ErrorHandle(rd_kafka_send_offsets_to_transaction(call->client->get(), call->offsets.get(), call->group->get(), timeout_ms)));
  };
  // The records go out meanwhile. Whether they arrived, committing says.
  const auto flush = [this] { return rd_kafka_flush(client_->get(), kFlushSliceMs) == RD_KAFKA_RESP_ERR__TIMED_OUT; };
  if (offsets_.run(send, deadline.later(kOffsetsGrace), flush)) return call->error;
  client_->events().deliveries = nullptr;  // the client outlives this transaction's, and nobody polls it any more
  return TransactionError{.code = RD_KAFKA_RESP_ERR__TIMED_OUT, .message = "sending offsets did not end by its time-out"};
}

Status KafkaProducer::settle(const TransactionError& error, Deadline deadline, const Deliveries& deliveries) {
  switch (step_after(error, deadline.passed())) {
    case TransactionStep::kAbort: {
      const auto patience_ms = static_cast<int>(options_.transaction_timeout.ms);
      const std::optional<TransactionError> failed = failure(ErrorHandle(rd_kafka_abort_transaction(client_->get(), patience_ms)));
      if (!failed.has_value()) return settle_aborted(error, deliveries);
      if (step_after(*failed, deadline.passed()) != TransactionStep::kFenced) return replace_after(*failed);
      fenced_ = to_status(failed->code, who(), failed->message);
      break;
    }
    case TransactionStep::kFenced: fenced_ = to_status(error.code, who(), error.message); break;
    case TransactionStep::kReplace: return replace_after(error);
  }
  topics_.clear();
  client_.reset();
  return fenced_;
}

Status KafkaProducer::settle_aborted(const TransactionError& error, const Deliveries& deliveries) {
  test_switches::failpoint("transaction_aborted");
  const bool refused = deliveries.refusal().has_value();
  // A batch that the broker refused leaves a hole in librdkafka's sequence numbers, on which the next transaction would fail, too.
  if (refused) doubtful_ = !replace().ok();
  const rd_kafka_resp_err_t code = refused ? deliveries.refusal()->code : error.code;
  if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
    return {code_after_abort(code), fmt::format("{}: rolled back: the group has given its consumer's name to another member id", who())};
  }
  const std::string detail = refused ? fmt::format("{}: {}", deliveries.refusal()->what, rd_kafka_err2str(code)) : error.message;
  return {code_after_abort(code), to_status(code, fmt::format("{}: rolled back", who()), detail).message()};
}

Status KafkaProducer::replace_after(const TransactionError& error) {
  const std::string cause = fmt::format("{}: outcome unknown: {} ({})", who(), error.message, rd_kafka_err2name(error.code));
  spdlog::warn("kafka {}; starting a new producer", cause);
  const Status status = replace();
  test_switches::failpoint("producer_replaced");
  if (status.ok()) return unavailable(cause);
  doubtful_ = true;
  return status.code() == StatusCode::kUnavailable ? unavailable(fmt::format("{}; {}", cause, status.message())) : status;
}

}  // namespace tocsin::kafka
