// `tocsin backtest`: what would these rules have done over these files?

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <CLI/App.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cli/command.h"
#include "engine/config/config.h"
#include "engine/config/files.h"
#include "engine/runtime/alert_records.h"
#include "engine/runtime/backtest.h"
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
};

Result<std::optional<EventTime>> parse_until(const std::string& text) {
  if (text.empty()) return std::optional<EventTime>();
  if (const std::optional<int64_t> ms = parse_rfc3339(text)) return std::optional(EventTime{*ms});
  char* end = nullptr;
  errno = 0;
  const long long ms = std::strtoll(text.c_str(), &end, 10);
  if (errno != 0 || end == text.c_str() || *end != '\0') {
    return invalid_argument(fmt::format("--until {}: neither an RFC 3339 time such as 2026-01-31T08:00:00Z nor Unix milliseconds", text));
  }
  return std::optional(EventTime{ms});
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
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (const v1::AlertEvent& alert : alerts) file << alert_to_json(alert) << '\n';
  file.close();
  if (!file) return unavailable(fmt::format("cannot write the alert log to {}", path));
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

Status run_backtest(const Arguments& arguments) {
  const Result<config::TimeConfig> time = config::load_time_config(arguments.config, arguments.set);
  if (!time.ok()) return time.status();
  const Result<std::optional<EventTime>> until = parse_until(arguments.until);
  if (!until.ok()) return until.status();
  rules::LoadOptions load;
  load.resolution = time->resolution;
  std::vector<std::string> findings;
  const Result<std::shared_ptr<const Plan>> plan = load_plan(arguments.rules, *time, load, findings);
  for (const std::string& finding : findings) fmt::print(stderr, "{}\n", finding);
  if (!plan.ok()) return plan.status();
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
  return {};
}

}  // namespace

void add_backtest(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("backtest", "Run rules over recorded telemetry at full speed, without a broker");
  command->add_option("--rules", arguments->rules, "Rule files (YAML)")->required()->expected(1, -1);
  command
      ->add_option("--events", arguments->events,
                   "Files of events, each one input partition: .jsonl or .pb, also .gz or .zst; - is the standard input")
      ->required()
      ->expected(1, -1);
  command->add_option("--config", arguments->config, "Configuration file; only its section `time` matters here");
  command->add_option("--set", arguments->set, kSetHelp)->expected(1)->take_all();
  command->add_option("--until", arguments->until,
                      "Evaluate at least up to this time (RFC 3339 or Unix milliseconds), after the events have ended");
  command->add_option("--alerts", arguments->alerts, "Write the alert log to this file, one JSON object a line");
  command->footer("Example:\n  tocsin backtest --rules rules/chat.yaml --events monday-0.jsonl.gz monday-1.jsonl.gz --alerts alerts.jsonl");
  command->callback([arguments, &exit_code] {
    spdlog::set_level(spdlog::level::warn);  // what a service tells of its partitions is no news here
    const Status status = run_backtest(*arguments);
    exit_code = status.ok() ? kExitFine : report(status);
  });
}

}  // namespace tocsin::cli
