#include "engine/runtime/kafka_cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/config/topics.h"
#include "engine/kafka/kafka.h"
#include "engine/kafka/plain_producer.h"

namespace tocsin {
namespace {

constexpr Duration kAdminTimeout{10'000};

class KafkaCluster final : public Cluster {
 public:
  explicit KafkaCluster(const config::Config& config) : config_(config), topics_(config.app) {}

  Result<uint32_t> check_topics() override {
    auto admin = kafka::KafkaAdmin::open({config_.kafka, config_.instance + "-admin", kAdminTimeout});
    if (!admin.ok()) return admin.status();
    const auto found = (*admin)->describe(config::topic_names(config_));
    if (!found.ok()) return found.status();
    std::vector<std::string> findings = config::check_input_topics(config_, *found);
    const std::vector<std::string> own = config::check_own_topics(config_, *found);
    findings.insert(findings.end(), own.begin(), own.end());
    if (!findings.empty())
      return invalid_argument(fmt::format("the topics are not as they have to be:\n  {}", fmt::join(findings, "\n  ")));
    const auto partials = std::find_if(found->begin(), found->end(), [&](const auto& topic) { return topic.name == topics_.partials; });
    return static_cast<uint32_t>(partials->partitions);
  }

  Result<std::unique_ptr<log::GroupConsumer>> consumer(Role role, const std::string& member, size_t queue_bytes,
                                                       log::ConsumerListener& listener) override {
    kafka::ConsumerOptions options;
    options.user = config_.kafka;
    options.client_id = member;
    options.group = group(role);
    options.member = member;
    options.queue_bytes = static_cast<int64_t>(queue_bytes);
    options.clock = system_now;
    if (role == Role::kAggregate) {
      options.topics = config_.input.topics;
      options.assignor = kafka::Assignor::kRoundRobin;
    } else {
      options.topics = {topics_.partials};
      options.assignor = kafka::Assignor::kRange;
      options.read_content_type = false;
    }
    return kafka::open_consumer(std::move(options), listener);
  }

  Result<std::unique_ptr<log::TransactionalProducer>> producer(Role role, const std::string& member, std::stop_token stop) override {
    kafka::ProducerOptions options;
    options.stop = std::move(stop);
    options.user = config_.kafka;
    options.client_id = member;
    options.transactional_id = transactional_id(config_.app, member);
    if (role == Role::kAggregate) {
      options.topics = {topics_.partials, topics_.dead_letters};
    } else {
      options.topics = {topics_.alerts, topics_.alert_states, topics_.changelog};
    }
    return kafka::open_producer(std::move(options));
  }

  Result<std::unique_ptr<log::PartitionReader>> changelog_reader(const std::string& member, std::stop_token stop) override {
    kafka::ReaderOptions options;
    options.user = config_.kafka;
    options.client_id = member + "-restore";
    options.group = group(Role::kEvaluate);
    options.stop = std::move(stop);
    return kafka::open_reader(std::move(options));
  }

  void signal(std::string_view json) override {
    if (signals_ == nullptr) {
      auto made = kafka::KafkaPlainProducer::make(config_.kafka, topics_.signals);
      if (!made.ok()) {
        spdlog::warn("no status signals: {}", made.status().message());
        return;
      }
      signals_ = std::move(*made);
    }
    // A message that was given up is the end of a producer. The status it carried is out of date: the next one goes to a new one.
    if (const auto sent = signals_->send(0, json, "application/json"); !sent.ok()) {
      spdlog::warn("status signals: {}", sent.status().message());
      signals_.reset();
    }
  }

 private:
  std::string group(Role role) const { return fmt::format("{}-{}", config_.app, to_string(role)); }

  const config::Config config_;
  const config::TopicNames topics_;
  std::unique_ptr<kafka::KafkaPlainProducer> signals_;
};

}  // namespace

std::unique_ptr<Cluster> open_kafka_cluster(const config::Config& config) { return std::make_unique<KafkaCluster>(config); }

}  // namespace tocsin
