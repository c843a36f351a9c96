#include "engine/config/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace tocsin::config {
namespace {

using Settings = std::map<std::string, std::string>;
using Found = std::map<std::string, const kafka::TopicDescription*>;  // those that exist

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int64_t kDayMs = 24 * kHourMs;

// Records carry event times of any age; stamped by their producer, old ones would fall under retention at once (a replay's alerts
// would vanish). Compression is the producer's choice and is not undone by the broker.
Settings common_settings() { return {{"message.timestamp.type", "LogAppendTime"}, {"compression.type", "producer"}}; }

// Retention works by whole segments: an eighth of it at a time, so that little more than asked for is kept.
Settings deleted(Duration retention) {
  Settings settings = common_settings();
  settings["cleanup.policy"] = "delete";
  settings["retention.ms"] = fmt::format("{}", retention.ms);
  settings["retention.bytes"] = "-1";
  settings["segment.ms"] = fmt::format("{}", std::clamp(retention.ms / 8, kMinuteMs, kDayMs));
  return settings;
}

// A restore reads what has not been compacted yet, and the active segment never is: so segments are rolled early and cleaned soon.
// A tombstone must outlive the longest pause of a process that keeps its store and catches up from its own offset; a store older than
// that is rebuilt, so a day is enough.
Settings compacted() {
  Settings settings = common_settings();
  settings["cleanup.policy"] = "compact";
  settings["retention.ms"] = "-1";
  settings["retention.bytes"] = "-1";
  settings["delete.retention.ms"] = fmt::format("{}", kDayMs);
  settings["segment.ms"] = fmt::format("{}", 10 * kMinuteMs);
  settings["segment.bytes"] = fmt::format("{}", 128LL << 20);
  settings["min.cleanable.dirty.ratio"] = "0.1";
  return settings;
}

Found existing(const std::vector<kafka::TopicDescription>& descriptions) {
  Found found;
  for (const kafka::TopicDescription& topic : descriptions) {
    if (topic.exists) found[topic.name] = &topic;
  }
  return found;
}

std::string setting(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? std::string() : found->second;
}

void check_settings(const std::string& brokers, const kafka::TopicSpec& wanted, const kafka::TopicDescription& found,
                    std::vector<std::string>& findings) {
  for (const char* name : {"message.timestamp.type", "cleanup.policy"}) {
    const std::string value = setting(wanted.configs, name);
    if (const std::string other = setting(found.configs, name); other != value) {
      findings.push_back(
          fmt::format("topic {0}: {1} is '{2}' and must be '{3}'; run kafka-configs.sh --bootstrap-server {4} --alter --topic {0} "
                      "--add-config {1}={3}",
                      wanted.name, name, other, value, brokers));
    }
  }
}

// Partition counts on which correctness rests.
void check_partitions(const TopicNames& names, const Found& found, std::vector<std::string>& findings) {
  const auto partitions = [&](const std::string& name) {
    const auto topic = found.find(name);
    return topic == found.end() ? 0 : topic->second->partitions;
  };
  const int32_t partials = partitions(names.partials);
  const int32_t changelog = partitions(names.changelog);
  if (partials != 0 && changelog != 0 && partials != changelog) {
    findings.push_back(
        fmt::format("topic {} has {} partitions and {} has {}: they must have equally many; before the first start delete both "
                    "and run `tocsin topics --create`; once there is state, choose another `app` name",
                    names.partials, partials, names.changelog, changelog));
  }
  if (const int32_t control = partitions(names.control); control > 1) {
    findings.push_back(
        fmt::format("topic {} has {} partitions and must have 1; delete it and run `tocsin topics --create`", names.control, control));
  }
}

}  // namespace

TopicNames::TopicNames(const std::string& app)
    : partials(app + ".partials"),
      changelog(app + ".changelog"),
      alerts(app + ".alerts"),
      signals(app + ".signals"),
      control(app + ".control"),
      dead_letters(app + ".dead-letters"),
      alert_states(app + ".alert-states") {}

std::vector<kafka::TopicSpec> own_topics(const Config& config) {
  const TopicNames names(config.app);
  const TopicsConfig& topics = config.topics;
  const auto replicas = static_cast<int16_t>(topics.replication_factor);
  const auto for_a_time = [&](const std::string& name) {
    return kafka::TopicSpec{name, topics.partitions, replicas, deleted(topics.retention)};
  };
  const auto by_key = [&](const std::string& name, int32_t partitions) {
    return kafka::TopicSpec{name, partitions, replicas, compacted()};
  };
  return {for_a_time(names.partials),
          by_key(names.changelog, topics.partitions),
          for_a_time(names.alerts),
          for_a_time(names.signals),
          by_key(names.control, 1),
          for_a_time(names.dead_letters),
          by_key(names.alert_states, topics.partitions)};
}

std::vector<std::string> topic_names(const Config& config) {
  std::vector<std::string> names = config.input.topics;
  for (const kafka::TopicSpec& topic : own_topics(config)) names.push_back(topic.name);
  return names;
}

std::vector<std::string> check_own_topics(const Config& config, const std::vector<kafka::TopicDescription>& descriptions) {
  const Found found = existing(descriptions);
  const auto brokers = config.kafka.find("bootstrap.servers");
  const std::string address = brokers == config.kafka.end() ? "HOST:PORT" : brokers->second;
  std::vector<std::string> findings;
  for (const kafka::TopicSpec& wanted : own_topics(config)) {
    if (const auto topic = found.find(wanted.name); topic != found.end()) {
      check_settings(address, wanted, *topic->second, findings);
    } else {
      findings.push_back(fmt::format("topic {} does not exist; run `tocsin topics --create`", wanted.name));
    }
  }
  check_partitions(TopicNames(config.app), found, findings);
  return findings;
}

std::vector<std::string> check_input_topics(const Config& config, const std::vector<kafka::TopicDescription>& descriptions) {
  const Found found = existing(descriptions);
  std::vector<std::string> findings;
  for (const std::string& name : config.input.topics) {
    if (found.contains(name)) continue;
    findings.push_back(fmt::format(
        "input topic {} does not exist; it belongs to the applications that write it: create it with as many partitions as they need",
        name));
  }
  return findings;
}

}  // namespace tocsin::config
