// `tocsin watch`: alerts as they come, beside the incidents that were scheduled.

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "engine/cli/alert_screen.h"
#include "engine/cli/command.h"
#include "engine/cli/stop_signal.h"
#include "engine/config/config.h"
#include "engine/config/files.h"
#include "engine/config/topics.h"
#include "engine/kafka/kafka.h"
#include "engine/loadgen/incidents.h"

namespace tocsin::cli {
namespace {

constexpr Duration kReadTimeout{5'000};

struct Flags {
  std::string config, incidents, start, length;
  std::vector<std::string> overrides;
  bool expect_incidents = false;
};

Result<WatchPlan> read_plan(const Flags& flags) {
  WatchPlan plan;
  plan.expect_incidents = flags.expect_incidents;
  if (!flags.start.empty()) {
    const Result<EventTime> start = parse_time(flags.start, "--start");
    if (!start.ok()) return start.status();
    plan.start = *start;
  }
  if (!flags.length.empty()) {
    const Result<Duration> length = parse_length(flags.length, "--for");
    if (!length.ok()) return length.status();
    plan.length = *length;
  }
  if (flags.incidents.empty()) return plan;
  const Result<std::string> text = config::read_file(flags.incidents);
  if (!text.ok()) return text.status();
  Result<std::vector<loadgen::Incident>> incidents = loadgen::parse_incidents(*text, flags.incidents);
  if (!incidents.ok()) return incidents.status();
  plan.incidents = std::move(*incidents);
  return plan;
}

Result<int> run_watch(const Flags& flags) {
  const Result<config::Config> config = config::load_config(flags.config, flags.overrides);
  if (!config.ok()) return config.status();
  const Result<WatchPlan> plan = read_plan(flags);
  if (!plan.ok()) return plan.status();
  const std::atomic<bool>& stop = stop_on_signals();
  const config::TopicNames names(config->app);
  auto admin = kafka::KafkaAdmin::open({.user = config->kafka, .client_id = config->app + "-watch"});
  if (!admin.ok()) return admin.status();
  const Result<std::vector<kafka::TopicDescription>> topics = (*admin)->describe({names.alerts, names.signals});
  if (!topics.ok()) return topics.status();
  for (const kafka::TopicDescription& topic : *topics) {
    if (!topic.exists) return not_found(fmt::format("topic {} does not exist; make it with `tocsin topics --create`", topic.name));
  }
  auto reader = kafka::open_reader(
      {.user = config->kafka, .client_id = config->app + "-watch", .group = "", .progress_timeout = kReadTimeout, .stop = {}});
  if (!reader.ok()) return reader.status();
  const Result<bool> as_expected =
      watch_alerts(*plan, **reader, {names.alerts, topics->at(0).partitions}, {names.signals, topics->at(1).partitions}, stop);
  if (!as_expected.ok()) return as_expected.status();
  return *as_expected ? kExitFine : kExitNo;
}

}  // namespace

void add_watch(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("watch", "Show alerts as they come, beside the incidents of a load");
  auto flags = std::make_shared<Flags>();
  command->add_option("--config", flags->config, "Configuration file")->required()->type_name("FILE");
  add_set_flag(*command, flags->overrides);
  CLI::Option* start = command
                           ->add_option("--start", flags->start,
                                        "When the load began: RFC 3339 or Unix milliseconds. Shows alerts that began since then; "
                                        "without it, what comes from now on")
                           ->type_name("TIME");
  CLI::Option* incidents = command->add_option("--incidents", flags->incidents, "The list of incidents that `tocsin loadgen` was given")
                               ->type_name("FILE")
                               ->needs(start);
  command->add_option("--for", flags->length, "End after so long; default: at Ctrl-C")->type_name("DURATION");
  command
      ->add_flag("--expect-incidents", flags->expect_incidents,
                 "Judge also when ended by Ctrl-C; no incident within the time is a failure too")
      ->needs(incidents);
  command->footer(
      "An incident caused an alert that began between its start and 15 s after its end, if the label `incident` of the alert (errors,\n"
      "latency or silence) is its kind, and the labels `domain` and, where both have one, `region` are its own.\n"
      "DELAY is from the incident's start to the tick that fired; SEEN until the alert was read here.\n"
      "With --for, the exit code is 0 if every incident that was over by then was detected and nothing else fired, else 1.\n"
      "\n"
      "Example:\n"
      "  tocsin watch --config tocsin.yaml --incidents incidents.yaml --start 2026-01-31T08:00:00Z --for 60s");
  command->callback([flags, &exit_code] {
    const Result<int> result = run_watch(*flags);
    exit_code = result.ok() ? *result : report(result.status());
  });
}

}  // namespace tocsin::cli
