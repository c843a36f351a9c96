#include "engine/kafka/plain_producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/kafka/client.h"
#include "engine/kafka/conf.h"
#include "engine/kafka/deadline.h"
#include "engine/kafka/errors.h"
#include "engine/kafka/handles.h"

namespace tocsin::kafka {
namespace {

constexpr Duration kQueueFullStep{100}, kFlushStep{500};
constexpr Duration kStalled{5'000};  // messages wait, and none was delivered for so long

using ClientHandle = Handle<rd_kafka_t, &rd_kafka_destroy>;

}  // namespace

// At an address of its own: librdkafka's callbacks keep a pointer to it.
struct KafkaPlainProducer::State {
  std::string topic_name;
  Status failure;          // of the first message that was given up
  std::string last_error;  // what the client said last about its connections
  ClientHandle client;
  TopicHandle topic;  // goes before the client
  Deadline stalled = Deadline::in(kStalled);

  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    State& state = *static_cast<State*>(opaque);
    state.stalled = Deadline::in(kStalled);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || !state.failure.ok()) return;
    const Status status = to_status(message->err, fmt::format("topic '{}': a message was not delivered", state.topic_name));
    state.failure = {status.code(), status.message() + state.last_error_note()};
  }
  static void on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
    // That all brokers are down only sums up what was said of each.
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) static_cast<State*>(opaque)->last_error = reason;
  }

  // Serves what has come back.
  void serve(Duration timeout) {
    rd_kafka_poll(client.get(), static_cast<int>(timeout.ms));
    const bool waiting = rd_kafka_outq_len(client.get()) > 0;
    if (waiting && !stalled.passed()) return;
    if (waiting) look_for_brokers(client.get());
    stalled = Deadline::in(kStalled);
  }

  std::string last_error_note() const { return last_error.empty() ? "" : fmt::format(" (last error: {})", last_error); }
};

KafkaPlainProducer::KafkaPlainProducer(std::unique_ptr<State> state) : state_(std::move(state)) {}

KafkaPlainProducer::~KafkaPlainProducer() {
  // Without this, destroying the client would wait for the messages' time-outs if the broker is away.
  rd_kafka_purge(state_->client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

Result<std::unique_ptr<KafkaPlainProducer>> KafkaPlainProducer::make(const Properties& user, const std::string& topic) {
  const Properties defaults = {{"client.id", "tocsin"},
                               {"compression.codec", "lz4"},
                               {"linger.ms", "5"},
                               {"batch.size", "1000000"},
                               {"socket.nagle.disable", "true"},
                               {"message.timeout.ms", "30000"},
                               {"queue.buffering.max.kbytes", "262144"},
                               {"queue.buffering.max.messages", "1000000"}};
  const Properties fixed = {{"enable.idempotence", "true"}, {"allow.auto.create.topics", "false"}};
  Result<ConfHandle> conf = make_conf(defaults, user, fixed);
  if (!conf.ok()) return conf.status();

  auto state = std::make_unique<State>();
  state->topic_name = topic;
  rd_kafka_conf_set_opaque(conf->get(), state.get());
  rd_kafka_conf_set_dr_msg_cb(conf->get(), &State::on_delivery);
  rd_kafka_conf_set_error_cb(conf->get(), &State::on_error);
  rd_kafka_conf_set_log_cb(conf->get(), nullptr);  // errors are told in Status messages, once

  std::array<char, 512> text{};
  state->client.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), text.data(), text.size()));
  if (!state->client) return invalid_argument(fmt::format("kafka: cannot make a producer: {}", text.data()));
  (void)conf->release();  // the client owns it now
  state->topic.reset(rd_kafka_topic_new(state->client.get(), topic.c_str(), nullptr));
  if (!state->topic) return invalid_argument(fmt::format("'{}' is not the name of a topic", topic));
  return std::unique_ptr<KafkaPlainProducer>(new KafkaPlainProducer(std::move(state)));
}

Result<int32_t> KafkaPlainProducer::partition_count(Duration timeout) {
  const rd_kafka_metadata_t* answer = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(state_->client.get(), 0, state_->topic.get(), &answer, static_cast<int>(timeout.ms));
  const MetadataHandle metadata(answer);
  poll();
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return unavailable(fmt::format("cannot ask the broker for topic {}: {}{}; check that it runs and that bootstrap.servers is right",
                                   state_->topic_name, rd_kafka_err2str(error), state_->last_error_note()));
  }
  if (metadata->topic_cnt != 1 || metadata->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return not_found(fmt::format("topic {} does not exist; create it first", state_->topic_name));
  }
  if (const rd_kafka_resp_err_t topic_error = metadata->topics[0].err; topic_error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return to_status(topic_error, fmt::format("topic '{}'", state_->topic_name));
  }
  return metadata->topics[0].partition_cnt;
}

Result<bool> KafkaPlainProducer::send(int32_t partition, std::string_view value, std::string_view content_type) {
  constexpr std::string_view kHeader = "content-type";
  // librdkafka takes the payload as void*, and only copies from it with F_COPY.
  void* payload = const_cast<char*>(value.data());
  poll();
  if (!state_->failure.ok()) return state_->failure;
  rd_kafka_headers_t* headers = nullptr;
  if (!content_type.empty()) {
    headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, kHeader.data(), static_cast<ssize_t>(kHeader.size()), content_type.data(),
                        static_cast<ssize_t>(content_type.size()));
  }
  const std::array<rd_kafka_vu_t, 5> parts = {{{.vtype = RD_KAFKA_VTYPE_RKT, .u = {.rkt = state_->topic.get()}},
                                               {.vtype = RD_KAFKA_VTYPE_PARTITION, .u = {.i32 = partition}},
                                               {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}},
                                               {.vtype = RD_KAFKA_VTYPE_VALUE, .u = {.mem = {payload, value.size()}}},
                                               {.vtype = RD_KAFKA_VTYPE_HEADERS, .u = {.headers = headers}}}};
  const ErrorHandle error(rd_kafka_produceva(state_->client.get(), parts.data(), headers == nullptr ? 4 : 5));
  if (!error) return true;
  if (headers != nullptr) rd_kafka_headers_destroy(headers);  // still ours if nothing was sent
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    state_->serve(kQueueFullStep);
    return false;
  }
  const std::string text =
      fmt::format("topic {}: cannot send a message of {} bytes: {}", state_->topic_name, value.size(), rd_kafka_error_string(error.get()));
  return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? invalid_argument(text + "; make --batch smaller") : unavailable(text);
}

Status KafkaPlainProducer::flush(Duration timeout) {
  const Deadline deadline = Deadline::in(timeout);
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  while (error != RD_KAFKA_RESP_ERR_NO_ERROR && state_->failure.ok()) {
    error = rd_kafka_flush(state_->client.get(), deadline.remaining_ms(static_cast<int>(kFlushStep.ms)));
    state_->serve(Duration{0});
    if (deadline.passed()) break;
  }
  if (!state_->failure.ok()) return state_->failure;
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return unavailable(fmt::format("topic {}: {} messages were not acknowledged within {}{}", state_->topic_name,
                                 rd_kafka_outq_len(state_->client.get()), format_duration(timeout), state_->last_error_note()));
}

void KafkaPlainProducer::poll() { state_->serve(Duration{0}); }

}  // namespace tocsin::kafka
