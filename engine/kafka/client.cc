#include "engine/kafka/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "engine/kafka/errors.h"
#include "engine/kafka/logging.h"

namespace tocsin::kafka {
namespace {

ClientEvents& events_of(void* opaque) { return static_cast<Client*>(opaque)->events(); }

void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  ClientEvents& events = events_of(opaque);
  if (events.closing) {
    rd_kafka_assign(client, nullptr);
    return;
  }
  events.rebalances.push_back({.assign = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
                               .lost = rd_kafka_assignment_lost(client) != 0,
                               .partitions = PartitionListHandle(rd_kafka_topic_partition_list_copy(partitions))});
  rd_kafka_yield(client);  // poll() is to act on it before more is read
}

void on_error(rd_kafka_t* /*client*/, int code, const char* text, void* opaque) {
  ClientEvents& events = events_of(opaque);
  events.error = to_status(static_cast<rd_kafka_resp_err_t>(code), "Kafka", text);
  if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION) events.refused = invalid_argument(events.error->message());
}

void on_delivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* opaque) {
  if (DeliverySink* sink = events_of(opaque).deliveries; sink != nullptr) sink->delivered(*message);
}

std::string property_of(rd_kafka_t* client, const char* name) {
  const rd_kafka_conf_t* conf = rd_kafka_conf(client);
  size_t size = 0;
  rd_kafka_conf_res_t found = rd_kafka_conf_get(conf, name, nullptr, &size);
  std::string value(size, '\0');
  if (found == RD_KAFKA_CONF_OK) found = rd_kafka_conf_get(conf, name, value.data(), &size);
  TOCSIN_CHECK(found == RD_KAFKA_CONF_OK, "librdkafka does not know a property that each of its clients has");
  value.resize(std::strlen(value.c_str()));  // it counts the zero at the end
  return value;
}

}  // namespace

Result<std::shared_ptr<Client>> Client::open(rd_kafka_type_t type, ConfHandle conf) {
  std::shared_ptr<Client> client(new Client);
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  rd_kafka_conf_set_log_cb(conf.get(), &log_from_librdkafka);
  rd_kafka_conf_set_error_cb(conf.get(), &on_error);
  if (type == RD_KAFKA_CONSUMER) rd_kafka_conf_set_rebalance_cb(conf.get(), &on_rebalance);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf.get(), &on_delivery);
  std::array<char, 512> text{};
  client->client_ = rd_kafka_new(type, conf.get(), text.data(), text.size());
  if (client->client_ == nullptr) return invalid_argument(fmt::format("kafka: {}", text.data()));
  std::ignore = conf.release();  // rd_kafka_new() took it
  return client;
}

Client::~Client() {
  if (client_ != nullptr) rd_kafka_destroy_flags(client_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

Status Client::fatal_error() const {
  std::array<char, 512> text{};
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(client_, text.data(), text.size());
  return code == RD_KAFKA_RESP_ERR_NO_ERROR ? Status() : to_status(code, "Kafka", text.data());
}

std::string Client::member_id() const {
  char* id = rd_kafka_memberid(client_);
  std::string result = id == nullptr ? "" : id;
  if (id != nullptr) rd_kafka_mem_free(client_, id);
  return result;
}

Duration Client::session_timeout() const { return Duration{std::atoll(property_of(client_, "session.timeout.ms").c_str())}; }

void look_for_brokers(rd_kafka_t* client) { rd_kafka_brokers_add(client, property_of(client, "bootstrap.servers").c_str()); }

Properties common_defaults(const std::string& client_id) {
  return {
      {"client.id", client_id},
      {"socket.nagle.disable", "true"},
      {"socket.keepalive.enable", "true"},
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "1000"},
      {"topic.metadata.refresh.interval.ms", "30000"},
      {"socket.connection.setup.timeout.ms", "10000"},
  };
}

std::string queue_kbytes(int64_t bytes) {
  constexpr int64_t kMost = 2'097'151;  // librdkafka's own limit
  return std::to_string(std::clamp<int64_t>(bytes / 1024, 1, kMost));
}

Result<TopicHandle> open_topic(const Client& client, const std::string& name) {
  TopicHandle topic(rd_kafka_topic_new(client.get(), name.c_str(), nullptr));
  if (topic == nullptr) return to_status(rd_kafka_last_error(), fmt::format("topic '{}'", name));
  return topic;
}

Result<TopicMetadata> fetch_metadata(const Client& client, rd_kafka_topic_t* topic, int timeout_ms) {
  const rd_kafka_metadata_t* raw = nullptr;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(client.get(), 0, topic, &raw, timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return to_status(code, fmt::format("asking about topic '{}'", rd_kafka_topic_name(topic)));
  const MetadataHandle metadata(raw);
  if (metadata->topic_cnt < 1) return unavailable(fmt::format("the brokers say nothing of topic '{}'", rd_kafka_topic_name(topic)));
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  TopicMetadata result{.error = found.err, .partitions = found.partition_cnt};
  for (int i = 0; i < found.partition_cnt; ++i) {
    const rd_kafka_metadata_partition_t& partition = found.partitions[i];
    if (partition.leader >= 0) ++result.leaders;
    if (partition.id == 0) result.replication_factor = partition.replica_cnt;
  }
  return result;
}

}  // namespace tocsin::kafka
