// `tocsin backtest`: what would these rules have done over these files?

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/yaml/suggest.h"
#include "engine/cli/command.h"
#include "engine/config/config.h"
#include "engine/config/files.h"
#include "engine/runtime/alert_json.h"
#include "engine/runtime/backtest.h"
#include "engine/runtime/detection.h"
#include "engine/runtime/incidents.h"
#include "engine/runtime/pipeline.h"

namespace tocsin::cli {
namespace {

struct Arguments {
  std::vector<std::string> rules;
  std::vector<std::string> events;
  std::optional<std::string> config;
  std::vector<std::string> set;
  std::string until;
  std::string alerts;
  std::string incidents;
  std::string incident_grace = "0s";
};

Result<std::optional<EventTime>> parse_until(const std::string& text) {
  if (text.empty()) return std::optional<EventTime>();
  const Result<EventTime> time = parse_time(text, "--until");
  if (!time.ok()) return time.status();
  return std::optional(*time);
}

// What --incidents and --incident-grace say.
struct Known {
  IncidentFile file;
  Duration grace;
};

Result<std::optional<Known>> read_known(const Arguments& arguments, const Plan& plan) {
  if (arguments.incidents.empty()) return std::optional<Known>();
  const Result<Duration> grace = parse_length(arguments.incident_grace, "--incident-grace");
  if (!grace.ok()) return grace.status();
  const Result<std::string> text = config::read_file(arguments.incidents);
  if (!text.ok()) return text.status();
  Result<IncidentFile> file = parse_incidents(*text, arguments.incidents);
  if (!file.ok()) return file.status();
  std::vector<std::string_view> names;
  names.reserve(plan.rules.size());
  for (const PlannedRule& rule : plan.rules) names.push_back(rule.rule.name);
  for (const Incident& incident : file->incidents) {
    if (incident.rule.empty() || std::find(names.begin(), names.end(), incident.rule) != names.end()) continue;
    return invalid_argument(fmt::format("{}:{}: there is no enabled rule '{}' in the rule files{}", arguments.incidents, incident.line,
                                        incident.rule, did_you_mean(incident.rule, names)));
  }
  for (const std::string& column : file->label_columns) {
    const bool is_label = std::any_of(plan.rules.begin(), plan.rules.end(), [&](const PlannedRule& rule) {
      const std::vector<std::string>& by = rule.rule.by;
      return rule.rule.labels.contains(column) || std::find(by.begin(), by.end(), column) != by.end();
    });
    if (!is_label)
      fmt::print(stderr, "{}:1: warning: no rule has a label '{}', so that column restricts nothing\n", arguments.incidents, column);
  }
  return std::optional<Known>({*std::move(file), *grace});
}

// One line on a terminal, drawn anew; nothing in a pipe.
class Progress {
 public:
  void show(const log::FileProgress& progress, uint64_t events) {
    if (!on_terminal_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    std::string text = fmt::format("{} events, {:.0f} events/s", events, static_cast<double>(events) / seconds);
    if (progress.bytes_total && *progress.bytes_total > 0) {
      const double share = static_cast<double>(progress.bytes_read) / static_cast<double>(*progress.bytes_total);
      text += fmt::format(", {:.0f} %", share * 100);
      if (share > 0.01) text += fmt::format(", {:.0f} s left", seconds / share - seconds);
    }
    fmt::print(stderr, "\r{}\x1b[K", text);
  }
  void end() const {
    if (on_terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  bool on_terminal_ = isatty(STDERR_FILENO) == 1;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = begin_;
};

Status write_alerts(const std::vector<v1::AlertEvent>& alerts, const std::string& path) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (const v1::AlertEvent& alert : alerts) file << alert_to_json(alert) << '\n';
  file.close();
  if (!file) return unavailable(fmt::format("--alerts {}: the file cannot be written: {}", path, std::strerror(errno)));
  return {};
}

void print_summary(const Plan& plan, const BacktestCounters& counters, const std::vector<v1::AlertEvent>& alerts) {
  struct Line {
    uint64_t firings = 0;
    uint64_t resolved = 0;
    int64_t firing_ms = 0;
  };
  std::map<std::string, Line> lines;
  for (const v1::AlertEvent& alert : alerts) {
    Line& line = lines[alert.rule()];
    if (alert.state() == "firing") ++line.firings;
    if (alert.state() != "resolved") continue;
    ++line.resolved;
    line.firing_ms += parse_rfc3339(alert.ends_at()).value_or(0) - parse_rfc3339(alert.starts_at()).value_or(0);
  }
  size_t width = 4;
  for (const PlannedRule& rule : plan.rules) width = std::max(width, rule.rule.name.size());
  fmt::print("{:<{}}  {:>8}  {:>12}  {:>14}\n", "RULE", width, "FIRINGS", "STILL FIRING", "TIME FIRING");
  for (const PlannedRule& rule : plan.rules) {
    const Line& line = lines[rule.rule.name];
    fmt::print("{:<{}}  {:>8}  {:>12}  {:>14}\n", rule.rule.name, width, line.firings, line.firings - line.resolved,
               format_duration({line.firing_ms}));
  }
  fmt::print("{} events in {} messages: {} late, {} dropped as too late; {} dead letters; {} alert events\n", counters.events.events,
             counters.input.messages, counters.events.late, counters.events.dropped_late, counters.input.dead_letters, alerts.size());
  for (const auto& [group, count] : counters.dropped_late) {
    if (count > 0) fmt::print("  {:>8} too late: rule group {}\n", count, group);
  }
  if (counters.events.overflowed > 0) {
    fmt::print("  {:>8} in groups with {}: too many values of {}\n", counters.events.overflowed, kOverflowValue,
               counters.overflow.labels.empty() ? "labels, for a while" : fmt::format("{}", fmt::join(counters.overflow.labels, ", ")));
  }
  for (const auto& [reason, count] : counters.dead_letters) fmt::print("  {:>8} dead: {}\n", count, reason);
}

std::string percent(std::optional<double> share) { return share ? fmt::format("{:.1f} %", *share * 100) : "-"; }
std::string length(std::optional<Duration> duration) { return duration ? format_duration(*duration) : "-"; }

void print_detection(const Plan& plan, const Known& known, const std::vector<v1::AlertEvent>& alerts) {
  std::vector<std::string> names;
  names.reserve(plan.rules.size() + 1);
  for (const PlannedRule& rule : plan.rules) names.push_back(rule.rule.name);
  const DetectionReport report = judge(known.file.incidents, names, alerts, known.grace);
  names.emplace_back("all rules");
  size_t width = 4;
  for (const std::string& name : names) width = std::max(width, name.size());
  fmt::print("\n{:<{}}  {:>8}  {:>8}  {:>9}  {:>9}  {:>8}  {:>7}  {:>12}  {:>9}\n", "RULE", width, "FIRINGS", "MATCHING", "PRECISION",
             "INCIDENTS", "DETECTED", "RECALL", "MEDIAN DELAY", "MAX DELAY");
  for (size_t i = 0; i < names.size(); ++i) {
    const Detection& line = i < report.rules.size() ? report.rules[i] : report.all;
    fmt::print("{:<{}}  {:>8}  {:>8}  {:>9}  {:>9}  {:>8}  {:>7}  {:>12}  {:>9}\n", names[i], width, line.firings, line.matched,
               percent(line.precision()), line.incidents, line.detected, percent(line.recall()), length(line.delay_median),
               length(line.delay_max));
  }
  for (const Incident* incident : report.missed) {
    std::string labels;
    for (const auto& [name, value] : incident->labels) labels += fmt::format(" {}={}", name, value);
    fmt::print("missed: {} from {} to {}{}\n", incident->name.empty() ? fmt::format("line {}", incident->line) : incident->name,
               format_rfc3339(incident->start.ms), format_rfc3339(incident->end.ms), labels);
  }
}

// Told before the work, not after it. Appending nothing leaves a log of an earlier run as it is.
Status check_writable(const std::string& path) {
  if (path.empty() || std::ofstream(path, std::ios::binary | std::ios::app)) return {};
  return invalid_argument(fmt::format("--alerts {}: the file cannot be written: {}", path, std::strerror(errno)));
}

Status run_backtest(const Arguments& arguments) {
  const Result<config::ReplayConfig> config = config::load_replay_config(arguments.config, arguments.set);
  if (!config.ok()) return config.status();
  const config::TimeConfig* const time = &config->time;
  const Result<std::optional<EventTime>> until = parse_until(arguments.until);
  if (!until.ok()) return until.status();
  TOCSIN_RETURN_IF_ERROR(check_writable(arguments.alerts));
  const rules::LoadOptions load{time->resolution, config->max_window, config->severities};
  std::vector<std::string> findings;
  const Result<std::shared_ptr<const Plan>> plan = load_plan(arguments.rules, *time, load, findings);
  for (const std::string& finding : findings) fmt::print(stderr, "{}\n", finding);
  if (!plan.ok()) return plan.status();
  const Result<std::optional<Known>> known = read_known(arguments, **plan);
  if (!known.ok()) return known.status();
  Result<std::unique_ptr<Backtest>> backtest = Backtest::open({arguments.events, *time, *until}, *plan);
  if (!backtest.ok()) return backtest.status();
  Progress progress;
  while (true) {
    const Result<bool> more = (*backtest)->step();
    if (!more.ok()) {
      progress.end();
      return more.status();
    }
    if (!*more) break;
    progress.show((*backtest)->progress(), (*backtest)->events().events);
  }
  progress.end();
  const Result<std::vector<v1::AlertEvent>> alerts = (*backtest)->alerts();
  if (!alerts.ok()) return alerts.status();
  if (!arguments.alerts.empty()) TOCSIN_RETURN_IF_ERROR(write_alerts(*alerts, arguments.alerts));
  print_summary(**plan, (*backtest)->counters(), *alerts);
  if (*known) print_detection(**plan, **known, *alerts);
  return {};
}

}  // namespace

void add_backtest(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("backtest", "Run rules over recorded telemetry at full speed, without a broker");
  command->add_option("--rules", arguments->rules, "Rule files (YAML)")->required()->expected(1, -1)->type_name("FILE");
  command
      ->add_option("--events", arguments->events,
                   "Files of events, each one input partition: .jsonl or .pb, also .gz or .zst; - is the standard input")
      ->required()
      ->expected(1, -1)
      ->type_name("FILE");
  command
      ->add_option("--config", arguments->config,
                   "Configuration file; only `time` matters here, and what rules may use: alerts.severities, state.max_window")
      ->type_name("FILE");
  add_set_flag(*command, arguments->set);
  command
      ->add_option("--until", arguments->until,
                   "Evaluate at least up to this time (RFC 3339 or Unix milliseconds), after the events have ended")
      ->type_name("TIME");
  command->add_option("--alerts", arguments->alerts, "Write the alert log to this file, one JSON object a line")->type_name("FILE");
  CLI::Option* incidents = command
                               ->add_option("--incidents", arguments->incidents,
                                            "Hold the alerts against known incidents, a CSV file: precision, recall and delay of each rule")
                               ->type_name("FILE");
  command
      ->add_option("--incident-grace", arguments->incident_grace,
                   "An alert that begins so long after an incident's end is still its (default 0s)")
      ->type_name("DURATION")
      ->needs(incidents);
  command->footer(
      "The CSV file begins with a header. Columns: start and end (RFC 3339 or Unix milliseconds); name; rule, if only that rule may\n"
      "detect it; every other one is a label that an alert must not contradict, empty for any.\n"
      "\n"
      "Examples:\n"
      "  tocsin backtest --rules rules/chat.yaml --events monday-0.jsonl.gz monday-1.jsonl.gz --alerts alerts.jsonl\n"
      "  tocsin backtest --rules rules/*.yaml --events monday.jsonl.zst --incidents incidents.csv --incident-grace 1m");
  command->callback([arguments, &exit_code] {
    spdlog::set_level(spdlog::level::warn);  // what a service tells of its partitions is no news here
    const Status status = run_backtest(*arguments);
    exit_code = status.ok() ? kExitFine : report(status);
  });
}

}  // namespace tocsin::cli
