// `tocsin topics`: makes, checks and describes the engine's own topics.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/command.h"
#include "engine/config/config.h"
#include "engine/config/topics.h"
#include "engine/kafka/kafka.h"

namespace tocsin::cli {
namespace {

struct Flags {
  std::string config;
  std::vector<std::string> overrides;
  bool create = false;
  bool check = false;
  bool describe = false;
};

using Descriptions = std::vector<kafka::TopicDescription>;

std::string partitions_text(int32_t partitions) { return fmt::format("{} partition{}", partitions, partitions == 1 ? "" : "s"); }

void print_findings(const std::vector<std::string>& findings, std::string_view prefix) {
  for (const std::string& finding : findings) fmt::print("{}{}\n", prefix, finding);
}

Result<int> create(const config::Config& config, kafka::KafkaAdmin& admin) {
  const std::vector<kafka::TopicSpec> topics = config::own_topics(config);
  const Result<std::vector<kafka::Creation>> created = admin.create(topics);
  if (!created.ok()) return created.status();
  const Result<Descriptions> found = admin.describe(config::topic_names(config));
  if (!found.ok()) return found.status();

  for (size_t i = 0; i < topics.size(); ++i) {
    const bool is_new = created.value()[i] == kafka::Creation::kCreated;
    const kafka::TopicDescription& topic = found.value()[config.input.topics.size() + i];
    fmt::print("{} {} ({}, replication factor {})\n", is_new ? "created" : "exists ", topic.name, partitions_text(topic.partitions),
               topic.replication_factor);
  }
  print_findings(config::check_input_topics(config, *found), "note: ");
  const std::vector<std::string> findings = config::check_own_topics(config, *found);
  print_findings(findings, "");
  return findings.empty() ? kExitFine : kExitNo;
}

Result<int> check(const config::Config& config, kafka::KafkaAdmin& admin) {
  const Result<Descriptions> found = admin.describe(config::topic_names(config));
  if (!found.ok()) return found.status();
  std::vector<std::string> findings = config::check_input_topics(config, *found);
  for (std::string& finding : config::check_own_topics(config, *found)) findings.push_back(std::move(finding));
  print_findings(findings, "");
  if (!findings.empty()) return kExitNo;
  fmt::print("all {} topics are as they must be\n", found->size());
  return kExitFine;
}

std::string setting(const kafka::TopicDescription& topic, const std::string& name) {
  const auto found = topic.configs.find(name);
  return found == topic.configs.end() ? "?" : found->second;
}

// "7d" of "604800000".
std::string retention(const kafka::TopicDescription& topic) {
  const std::string text = setting(topic, "retention.ms");
  if (text == "-1") return "unlimited";
  const std::optional<Duration> length = parse_duration(text + "ms");
  return length ? format_duration(*length) : text;
}

Result<int> describe(const config::Config& config, kafka::KafkaAdmin& admin) {
  const Result<Descriptions> found = admin.describe(config::topic_names(config));
  if (!found.ok()) return found.status();
  size_t width = 5;
  for (const kafka::TopicDescription& topic : *found) width = std::max(width, topic.name.size());
  fmt::print("{:<{}}  {:>10}  {:>8}  {:<14}  {:<13}  {}\n", "TOPIC", width, "PARTITIONS", "REPLICAS", "CLEANUP", "TIMESTAMP", "RETENTION");
  for (const kafka::TopicDescription& topic : *found) {
    if (!topic.exists) {
      fmt::print("{:<{}}  does not exist\n", topic.name, width);
      continue;
    }
    fmt::print("{:<{}}  {:>10}  {:>8}  {:<14}  {:<13}  {}\n", topic.name, width, topic.partitions, topic.replication_factor,
               setting(topic, "cleanup.policy"), setting(topic, "message.timestamp.type"), retention(topic));
  }
  return kExitFine;
}

Result<int> run_topics(const Flags& flags) {
  const Result<config::Config> config = config::load_config(flags.config, flags.overrides);
  if (!config.ok()) return config.status();
  Result<std::unique_ptr<kafka::KafkaAdmin>> admin = kafka::KafkaAdmin::open({.user = config->kafka, .client_id = config->app + "-topics"});
  if (!admin.ok()) return admin.status();
  if (flags.create) return create(*config, **admin);
  if (flags.check) return check(*config, **admin);
  return describe(*config, **admin);
}

}  // namespace

void add_topics(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("topics", "Create, check or describe the engine's topics");
  auto flags = std::make_shared<Flags>();
  command->add_option("--config", flags->config, "Configuration file")->required()->type_name("FILE");
  add_set_flag(*command, flags->overrides);
  CLI::Option_group* what = command->add_option_group("What to do");
  what->add_flag("--create", flags->create, "Make the topics that are missing; those that exist are left as they are");
  what->add_flag("--check", flags->check, "Print a line for each thing that is wrong; exit code 1 if there is any");
  what->add_flag("--describe", flags->describe, "Print a table of the topics");
  what->require_option(1);
  command->footer(
      "The input topics belong to the applications that write them: they are checked and described, never made.\n"
      "\n"
      "Examples:\n"
      "  tocsin topics --config tocsin.yaml --create\n"
      "  tocsin topics --config tocsin.yaml --set topics.replication_factor=3 --create\n"
      "  tocsin topics --config tocsin.yaml --check && tocsin run --config tocsin.yaml");
  command->callback([flags, &exit_code] {
    const Result<int> result = run_topics(*flags);
    exit_code = result.ok() ? *result : report(result.status());
  });
}

}  // namespace tocsin::cli
