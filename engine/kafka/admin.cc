#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "engine/kafka/client.h"
#include "engine/kafka/deadline.h"
#include "engine/kafka/errors.h"
#include "engine/kafka/kafka.h"

namespace tocsin::kafka {
namespace {

// Each question may go to another broker, and one that does not know yet of what others know says that there is no such topic.
constexpr std::chrono::milliseconds kLookAgain{50};

AdminOptionsHandle options_for(const Client& client, rd_kafka_admin_op_t operation, int timeout_ms) {
  AdminOptionsHandle options(rd_kafka_AdminOptions_new(client.get(), operation));
  std::array<char, 256> text{};
  // Refused only for a time-out out of range; then librdkafka's own holds.
  rd_kafka_AdminOptions_set_request_timeout(options.get(), std::max(timeout_ms, 1), text.data(), text.size());
  return options;
}

Result<EventHandle> await(rd_kafka_queue_t* queue, int timeout_ms, std::string_view doing) {
  EventHandle event(rd_kafka_queue_poll(queue, timeout_ms + 1'000));
  if (event == nullptr) return unavailable(fmt::format("{}: no answer in time", doing));
  if (const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return to_status(code, doing, rd_kafka_event_error_string(event.get()));
  }
  return event;
}

Result<NewTopicHandle> to_new_topic(const TopicSpec& spec) {
  std::array<char, 512> text{};
  NewTopicHandle topic(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions, spec.replication_factor, text.data(), text.size()));
  if (topic == nullptr) return invalid_argument(fmt::format("topic '{}': {}", spec.name, text.data()));
  for (const auto& [key, value] : spec.configs) {
    const rd_kafka_resp_err_t code = rd_kafka_NewTopic_set_config(topic.get(), key.c_str(), value.c_str());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return to_status(code, fmt::format("topic '{}', {}", spec.name, key));
  }
  return topic;
}

// Configurations of one topic.
Result<std::map<std::string, std::string>> fetch_configs(const Client& client, const std::string& name, int timeout_ms) {
  const std::string doing = fmt::format("asking for the configuration of topic '{}'", name);
  const QueueHandle queue(rd_kafka_queue_new(client.get()));
  const AdminOptionsHandle options = options_for(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
  const ConfigResourceHandle resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
  rd_kafka_ConfigResource_t* resources[] = {resource.get()};
  rd_kafka_DescribeConfigs(client.get(), resources, 1, options.get(), queue.get());
  const Result<EventHandle> event = await(queue.get(), timeout_ms, doing);
  if (!event.ok()) return event.status();
  size_t count = 0;
  const rd_kafka_ConfigResource_t** found =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (count != 1) return internal_error(doing + ": not in the answer");
  if (const rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(found[0]); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* detail = rd_kafka_ConfigResource_error_string(found[0]);
    return to_status(code, doing, detail == nullptr ? "" : detail);
  }
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(found[0], &count);
  std::map<std::string, std::string> configs;
  for (size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    configs.emplace(rd_kafka_ConfigEntry_name(entries[i]), value == nullptr ? "" : value);
  }
  return configs;
}

Result<std::vector<Creation>> outcomes(const rd_kafka_CreateTopics_result_t* result, const std::vector<TopicSpec>& specs) {
  size_t count = 0;
  const rd_kafka_topic_result_t** found = rd_kafka_CreateTopics_result_topics(result, &count);
  std::vector<Creation> creations;
  for (const TopicSpec& spec : specs) {
    const auto* const* at = std::find_if(found, found + count, [&](const auto* r) { return spec.name == rd_kafka_topic_result_name(r); });
    if (at == found + count) return internal_error(fmt::format("making topic '{}': not in the answer", spec.name));
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(*at);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      const char* detail = rd_kafka_topic_result_error_string(*at);
      return to_status(code, fmt::format("making topic '{}'", spec.name), detail == nullptr ? "" : detail);
    }
    creations.push_back(code == RD_KAFKA_RESP_ERR_NO_ERROR ? Creation::kCreated : Creation::kExisted);
  }
  return creations;
}

}  // namespace

Result<std::unique_ptr<KafkaAdmin>> KafkaAdmin::open(AdminOptions options) {
  TOCSIN_RETURN_IF_ERROR(check_properties(options.user));
  Properties defaults = common_defaults(options.client_id);
  // A broker that has just started may list no brokers at first, and librdkafka then waits for so long before it asks again.
  defaults["topic.metadata.refresh.interval.ms"] = "500";
  Result<ConfHandle> conf = make_conf(defaults, options.user, {{"allow.auto.create.topics", "false"}});
  if (!conf.ok()) return conf.status();
  Result<std::shared_ptr<Client>> client = Client::open(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!client.ok()) return client.status();
  return std::unique_ptr<KafkaAdmin>(new KafkaAdmin(std::move(options), std::move(*client)));
}

KafkaAdmin::KafkaAdmin(AdminOptions options, std::shared_ptr<Client> client) : options_(std::move(options)), client_(std::move(client)) {}

KafkaAdmin::~KafkaAdmin() = default;

Status KafkaAdmin::explained(const Status& failure) {
  if (failure.code() != StatusCode::kUnavailable) return failure;
  rd_kafka_poll(client_->get(), 0);  // serves on_error()
  return client_->events().refused.value_or(failure);
}

Result<std::vector<Creation>> KafkaAdmin::create(const std::vector<TopicSpec>& topics) {
  Result<std::vector<Creation>> created = try_create(topics);
  if (!created.ok()) return explained(created.status());
  return created;
}

Result<std::vector<TopicDescription>> KafkaAdmin::describe(const std::vector<std::string>& names) {
  Result<std::vector<TopicDescription>> described = try_describe(names);
  if (!described.ok()) return explained(described.status());
  return described;
}

Result<std::vector<Creation>> KafkaAdmin::try_create(const std::vector<TopicSpec>& topics) {
  if (topics.empty()) return std::vector<Creation>();
  std::vector<NewTopicHandle> owned;
  std::vector<rd_kafka_NewTopic_t*> wanted;
  std::vector<std::string> names;
  for (const TopicSpec& spec : topics) {
    Result<NewTopicHandle> topic = to_new_topic(spec);
    if (!topic.ok()) return topic.status();
    wanted.push_back(topic->get());
    owned.push_back(std::move(*topic));
    names.push_back(spec.name);
  }
  const auto timeout_ms = static_cast<int>(options_.timeout.ms);
  const QueueHandle queue(rd_kafka_queue_new(client_->get()));
  const AdminOptionsHandle options = options_for(*client_, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
  rd_kafka_CreateTopics(client_->get(), wanted.data(), wanted.size(), options.get(), queue.get());
  const Result<EventHandle> event = await(queue.get(), timeout_ms, "making topics");
  if (!event.ok()) return event.status();
  Result<std::vector<Creation>> creations = outcomes(rd_kafka_event_CreateTopics_result(event->get()), topics);
  if (!creations.ok()) return creations.status();
  TOCSIN_RETURN_IF_ERROR(wait_until_visible(names));
  return creations;
}

Result<std::vector<TopicDescription>> KafkaAdmin::try_describe(const std::vector<std::string>& names) {
  std::vector<TopicDescription> descriptions;
  const Deadline deadline = Deadline::in(options_.timeout);
  for (const std::string& name : names) {
    const Result<TopicHandle> topic = open_topic(*client_, name);
    if (!topic.ok()) return topic.status();
    Result<TopicMetadata> metadata = fetch_metadata(*client_, topic->get(), deadline.remaining_ms());
    while (metadata.ok() && reaction_to(metadata->error) == StatusCode::kNotFound && seen_.contains(name) && !deadline.passed()) {
      std::this_thread::sleep_for(kLookAgain);
      metadata = fetch_metadata(*client_, topic->get(), std::max(deadline.remaining_ms(), 1));
    }
    if (!metadata.ok()) return metadata.status();
    TopicDescription description;
    description.name = name;
    const StatusCode reaction = reaction_to(metadata->error);
    if (reaction != StatusCode::kOk && reaction != StatusCode::kNotFound) {
      return to_status(metadata->error, fmt::format("asking about topic '{}'", name));
    }
    if (reaction == StatusCode::kOk) {
      description.exists = true;
      description.partitions = metadata->partitions;
      description.replication_factor = metadata->replication_factor;
      Result<std::map<std::string, std::string>> configs = fetch_configs(*client_, name, deadline.remaining_ms());
      while (!configs.ok() && configs.status().code() == StatusCode::kNotFound && !deadline.passed()) {
        std::this_thread::sleep_for(kLookAgain);
        configs = fetch_configs(*client_, name, std::max(deadline.remaining_ms(), 1));
      }
      if (!configs.ok()) return configs.status();
      description.configs = std::move(*configs);
    }
    descriptions.push_back(std::move(description));
  }
  return descriptions;
}

Status KafkaAdmin::wait_until_visible(const std::vector<std::string>& names) {
  const Deadline deadline = Deadline::in(options_.timeout);
  for (const std::string& name : names) {
    const Result<TopicHandle> topic = open_topic(*client_, name);
    if (!topic.ok()) return topic.status();
    for (;;) {
      const Result<TopicMetadata> metadata = fetch_metadata(*client_, topic->get(), std::max(deadline.remaining_ms(), 1));
      if (metadata.ok() && metadata->partitions > 0 && metadata->leaders == metadata->partitions) break;
      if (deadline.passed()) {
        return unavailable(fmt::format("topic '{}' has not become visible on all brokers within {} ms", name, options_.timeout.ms));
      }
      std::this_thread::sleep_for(kLookAgain);
    }
    seen_.insert(name);
  }
  return {};
}

}  // namespace tocsin::kafka
