// `tocsin watch`: alerts as they come, beside the incidents that were scheduled.

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/clock.h"
#include "engine/cli/command.h"
#include "engine/config/config.h"
#include "engine/config/files.h"
#include "engine/config/topics.h"
#include "engine/kafka/kafka.h"
#include "engine/loadgen/incidents.h"
#include "tocsin/v1/alert.pb.h"

namespace tocsin::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPollEvery{100}, kStatusEvery{500};
constexpr seconds kStatusLineEvery{5};  // where it cannot be redrawn
constexpr seconds kStatusValid{5};
constexpr Duration kReadTimeout{5'000};
constexpr Duration kStartTimeout{30'000};
constexpr Duration kMatchAfterEnd{15'000};  // a window still holds an incident's events for a while after its end

std::atomic<bool> g_stop = false;  // set by the signal handler

struct Flags {
  std::string config, incidents, start, length;
  std::vector<std::string> overrides;
  bool expect_incidents = false;
};

std::string clock_text(int64_t unix_ms) { return format_rfc3339(unix_ms).substr(11, 12); }  // "16:04:08.250"
std::string seconds_text(Duration length) { return fmt::format("{:.1f} s", static_cast<double>(length.ms) / 1000); }

// --- what is read ---

// Follows all partitions of a topic.
class TopicTail {
 public:
  TopicTail(log::PartitionReader& reader, const kafka::TopicDescription& topic) : reader_(reader) {
    for (int32_t p = 0; p < topic.partitions; ++p) partitions_.push_back({{topic.name, p}, 0});
  }

  // What is there already is left out.
  Status skip_to_end() {
    for (Position& position : partitions_) {
      auto bounds = reader_.bounds(position.partition);
      // Right after a topic was made its leaders may not know of it yet.
      for (const WallTime deadline = system_now() + kStartTimeout;
           bounds.status().code() == StatusCode::kUnavailable && system_now() < deadline && !g_stop;) {
        std::this_thread::sleep_for(kPollEvery);
        bounds = reader_.bounds(position.partition);
      }
      if (!bounds.ok()) return bounds.status();
      position.next = bounds->second;
    }
    return {};
  }

  // What has come since the last call.
  Status poll(log::PartitionReader::Visitor& visitor) {
    for (Position& position : partitions_) {
      const auto bounds = reader_.bounds(position.partition);
      if (!bounds.ok()) return bounds.status();
      // A read that fails half-way must not show its first records twice.
      Counting counting(visitor, position.next);
      TOCSIN_RETURN_IF_ERROR(reader_.read(position.partition, std::max(position.next, bounds->first), bounds->second, counting));
      position.next = std::max(position.next, bounds->second);
    }
    return {};
  }

 private:
  struct Position {
    log::TopicPartition partition;
    int64_t next = 0;
  };
  struct Counting final : log::PartitionReader::Visitor {
    Counting(log::PartitionReader::Visitor& to, int64_t& next_offset) : visitor(to), next(next_offset) {}
    Status record(const log::Record& record) override {
      next = record.offset + 1;
      return visitor.record(record);
    }
    log::PartitionReader::Visitor& visitor;
    int64_t& next;
  };
  log::PartitionReader& reader_;
  std::vector<Position> partitions_;
};

// Alert events in either format: no binary one begins with a brace, which would open a group.
struct AlertCollector final : log::PartitionReader::Visitor {
  Status record(const log::Record& record) override {
    v1::AlertEvent alert;
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;
    const bool read = record.value.starts_with('{')
                          ? google::protobuf::util::JsonStringToMessage(std::string(record.value), &alert, options).ok()
                          : alert.ParseFromArray(record.value.data(), static_cast<int>(record.value.size()));
    if (!read) return {StatusCode::kDataLoss, fmt::format("the record at offset {} of the alert topic is no alert event", record.offset)};
    alerts.push_back(std::move(alert));
    return {};
  }

  std::vector<v1::AlertEvent> alerts;
};

// The last status of each process, and their sum as a line.
class StatusBoard final : public log::PartitionReader::Visitor {
 public:
  Status record(const log::Record& record) override {
    const nlohmann::json json = nlohmann::json::parse(record.value, nullptr, false);
    if (!json.is_object() || text(json, "type") != "status") return {};  // other signals are not for this screen
    processes_[text(json, "instance")] = {json, SteadyClock::now()};
    return {};
  }

  std::string line() const {
    int64_t rate = 0, lag = 0, groups = 0, alerts = 0;
    std::optional<int64_t> evaluated;
    bool any = false;
    for (const auto& [instance, process] : processes_) {
      if (SteadyClock::now() - process.seen > kStatusValid) continue;
      any = true;
      rate += number(process.json, "eventsPerSecond");
      lag += number(process.json, "lag");
      groups += number(process.json, "groups");
      alerts += number(process.json, "alerts");
      const std::optional<int64_t> at = parse_rfc3339(text(process.json, "evaluatedAt"));
      if (at) evaluated = std::min(evaluated.value_or(*at), *at);
    }
    const std::string now = clock_text(system_now().ms);
    if (!any) return fmt::format("{}  no status from tocsin run", now);
    return fmt::format("{}  {} events/s  lag {}  {} groups  evaluated up to {}  {} alert events", now, rate, lag, groups,
                       evaluated ? clock_text(*evaluated) : "nothing yet", alerts);
  }

 private:
  struct Process {
    nlohmann::json json;
    SteadyClock::time_point seen;
  };
  // A member that is missing or of another type counts as none: the topic is open to others.
  static std::string text(const nlohmann::json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
  }
  static int64_t number(const nlohmann::json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number() ? found->get<int64_t>() : 0;
  }

  std::map<std::string, Process> processes_;
};

// --- incidents ---

struct Detection {
  std::string rule;
  Duration delay, seen;  // of the tick that fired; until it was read here, by the wall clock
};

struct Scheduled {
  loadgen::Incident incident;
  EventTime begin, end;
  std::optional<Detection> detected;
  int firings = 0;
  bool announced = false;
};

// What rules call the kind, in their label `incident`.
std::string_view kind_name(loadgen::Incident::Kind kind) {
  switch (kind) {
    case loadgen::Incident::Kind::kErrorRate: return "errors";
    case loadgen::Incident::Kind::kLatencyFactor: return "latency";
    case loadgen::Incident::Kind::kSilence: return "silence";
  }
  return "";
}

std::string place(const loadgen::Incident& incident) {
  return incident.region.empty() ? incident.domain : fmt::format("{}/{}", incident.domain, incident.region);
}

std::string label(const v1::AlertEvent& alert, const std::string& name) {
  const auto found = alert.labels().find(name);
  return found == alert.labels().end() ? "" : found->second;
}
EventTime starts_at(const v1::AlertEvent& alert) { return {parse_rfc3339(alert.starts_at()).value_or(0)}; }
EventTime evaluated_at(const v1::AlertEvent& alert) { return {parse_rfc3339(alert.evaluated_at()).value_or(0)}; }

bool caused(const Scheduled& scheduled, const v1::AlertEvent& alert) {
  const EventTime begun = starts_at(alert);
  const std::string region = label(alert, "region");
  const std::string& wanted = scheduled.incident.region;
  return begun >= scheduled.begin && begun <= scheduled.end + kMatchAfterEnd &&
         label(alert, "incident") == kind_name(scheduled.incident.kind) && label(alert, "domain") == scheduled.incident.domain &&
         (wanted.empty() || region.empty() || region == wanted);
}

// Which incident caused which alert, and what fired without one.
class IncidentBoard {
 public:
  IncidentBoard(const std::vector<loadgen::Incident>& incidents, EventTime start) {
    for (const loadgen::Incident& incident : incidents) {
      const EventTime begin = start + incident.at;
      scheduled_.push_back({incident, begin, begin + incident.length, std::nullopt, 0, false});
    }
    std::sort(scheduled_.begin(), scheduled_.end(), [](const Scheduled& a, const Scheduled& b) { return a.begin < b.begin; });
  }

  bool empty() const { return scheduled_.empty(); }
  // Takes note of an alert event. The incident that caused it, or null; of several, the one that began last.
  const Scheduled* add(const v1::AlertEvent& alert, WallTime now) {
    Scheduled* cause = nullptr;
    for (Scheduled& scheduled : scheduled_) {
      if (caused(scheduled, alert)) cause = &scheduled;
    }
    if (alert.state() != "firing") return cause;
    if (cause == nullptr) {
      unexpected_.push_back(alert);
      return nullptr;
    }
    ++cause->firings;
    if (!cause->detected) cause->detected = Detection{alert.rule(), evaluated_at(alert) - cause->begin, {now.ms - cause->begin.ms}};
    return cause;
  }

  // Those that began since the last call.
  std::vector<const Scheduled*> begun(WallTime now) {
    std::vector<const Scheduled*> result;
    for (Scheduled& scheduled : scheduled_) {
      if (scheduled.announced || scheduled.begin.ms > now.ms) continue;
      scheduled.announced = true;
      result.push_back(&scheduled);
    }
    return result;
  }

  // Prints the table. True if every incident that was over by `end` was detected and nothing fired without one; with `need_one`, there
  // must have been one.
  bool conclude(WallTime end, bool need_one) const {
    int over = 0, detected = 0;
    if (!empty())
      fmt::print("\n{:<9} {:<14} {:<12}  {:<9} {:<18} {:>8} {:>8} {:>7}\n", "INCIDENT", "WHERE", "BEGAN", "DETECTED", "BY", "DELAY", "SEEN",
                 "ALERTS");
    for (const Scheduled& scheduled : scheduled_) {
      if (scheduled.begin.ms > end.ms) continue;
      const bool is_over = scheduled.end.ms <= end.ms;
      over += is_over ? 1 : 0;
      detected += is_over && scheduled.detected ? 1 : 0;
      const std::optional<Detection>& found = scheduled.detected;
      fmt::print("{:<9} {:<14} {:<12}  {:<9} {:<18} {:>8} {:>8} {:>7}\n", kind_name(scheduled.incident.kind), place(scheduled.incident),
                 clock_text(scheduled.begin.ms),
                 found     ? "yes"
                 : is_over ? "no"
                           : "not yet",
                 found ? found->rule : "", found ? seconds_text(found->delay) : "", found ? seconds_text(found->seen) : "",
                 scheduled.firings);
    }
    if (!unexpected_.empty()) fmt::print("\nfired without an incident:\n");
    for (const v1::AlertEvent& alert : unexpected_) {
      fmt::print("  {} {} {} {}\n", clock_text(starts_at(alert).ms), alert.severity(), alert.rule(), alert.id());
    }
    fmt::print("\n{} of {} incidents detected; {} alerts fired without one\n", detected, over, unexpected_.size());
    return detected == over && unexpected_.empty() && (over > 0 || !need_one);
  }

 private:
  std::vector<Scheduled> scheduled_;  // by their begin
  std::vector<v1::AlertEvent> unexpected_;
};

// --- what is shown ---

// Lines that stay, and on a terminal a status line below them that is drawn anew.
class Screen {
 public:
  void line(const std::string& text, const char* colour = "") {
    if (terminal_) {
      fmt::print("\r\x1b[K{}{}\x1b[0m\n{}", colour, text, status_);
    } else {
      fmt::print("{}\n", text);
    }
    std::fflush(stdout);
  }
  void status(const std::string& text) {
    if (terminal_) {
      status_ = text;
      fmt::print("\r\x1b[K{}", status_);
      std::fflush(stdout);
    } else if (const auto now = SteadyClock::now(); now >= next_) {
      next_ = now + kStatusLineEvery;
      line(text);
    }
  }
  void end() {
    if (terminal_) fmt::print("\r\x1b[K");
    std::fflush(stdout);
  }

 private:
  bool terminal_ = isatty(STDOUT_FILENO) == 1;
  std::string status_;
  SteadyClock::time_point next_ = SteadyClock::now() + kStatusLineEvery;
};

std::string alert_line(const v1::AlertEvent& alert) {
  const std::map<std::string, std::string> sorted(alert.labels().begin(), alert.labels().end());
  std::string labels;
  for (const auto& [name, value] : sorted) {
    if (name != "incident") labels += fmt::format("{}{}={}", labels.empty() ? "" : " ", name, value);
  }
  return fmt::format("{}  {:<9} {:<8} {:<18} {:<26} {:>8}", clock_text(evaluated_at(alert).ms), alert.state(), alert.severity(),
                     alert.rule(), labels, alert.has_value() ? fmt::format("{:.4g}", alert.value()) : "");
}

std::string cause_text(const v1::AlertEvent& alert, const Scheduled* cause, WallTime now) {
  if (cause == nullptr) return "  <- no incident";
  const std::string name = fmt::format("{} in {}", kind_name(cause->incident.kind), place(cause->incident));
  if (alert.state() != "firing") {
    const Duration after = evaluated_at(alert) - cause->end;
    return after.ms < 0 ? fmt::format("  <- {}, not yet over", name) : fmt::format("  <- {}, {} after its end", name, seconds_text(after));
  }
  return fmt::format("  <- {}, after {} (seen after {})", name, seconds_text(evaluated_at(alert) - cause->begin),
                     seconds_text({now.ms - cause->begin.ms}));
}

// --- the work ---

void stop_on_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { g_stop = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second one kills
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

struct Plans {
  std::vector<loadgen::Incident> incidents;
  std::optional<EventTime> start;
  std::optional<Duration> length;
};

Result<Plans> read_plans(const Flags& flags) {
  Plans plans;
  if (!flags.start.empty()) {
    const std::optional<double> ms = loadgen::parse_number(flags.start);
    const std::optional<int64_t> time = ms && *ms > 0 && *ms < 1e15 ? std::optional(static_cast<int64_t>(*ms)) : parse_rfc3339(flags.start);
    if (!time)
      return invalid_argument(
          fmt::format("--start {}: not a time; write it like 2026-01-31T08:00:00Z or in Unix milliseconds", flags.start));
    plans.start = EventTime{*time};
  }
  if (!flags.length.empty()) {
    plans.length = parse_duration(flags.length);
    if (!plans.length) return invalid_argument(fmt::format("--for {}: not a length of time; write it like 60s or 1h30m", flags.length));
  }
  if (flags.incidents.empty()) return plans;
  const Result<std::string> text = config::read_file(flags.incidents);
  if (!text.ok()) return text.status();
  Result<std::vector<loadgen::Incident>> incidents = loadgen::parse_incidents(*text, flags.incidents);
  if (!incidents.ok()) return incidents.status();
  plans.incidents = std::move(*incidents);
  return plans;
}

// Shows the alerts that came, in the order of their ticks: partitions have none among each other.
void show_alerts(std::vector<v1::AlertEvent> alerts, const Plans& plans, IncidentBoard& board, Screen& screen) {
  std::stable_sort(alerts.begin(), alerts.end(),
                   [](const v1::AlertEvent& a, const v1::AlertEvent& b) { return evaluated_at(a) < evaluated_at(b); });
  const WallTime now = system_now();
  for (const v1::AlertEvent& alert : alerts) {
    if (plans.start && starts_at(alert) < *plans.start) continue;
    const Scheduled* cause = board.add(alert, now);
    const std::string text = alert_line(alert) + (board.empty() ? "" : cause_text(alert, cause, now));
    screen.line(text, alert.state() == "resolved" ? "\x1b[32m" : "\x1b[31m");
  }
}

// A broker that is away for a while is waited for; everything else ends the watch.
Status tolerate(const Status& status, Screen& screen) {
  if (status.code() != StatusCode::kUnavailable) return status;
  screen.status(fmt::format("{}  waiting for the broker: {}", clock_text(system_now().ms), status.message()));
  return {};
}

Status follow(const Plans& plans, TopicTail& alerts, TopicTail& signals, IncidentBoard& board, Screen& screen) {
  const auto begin = SteadyClock::now();
  auto next_status = begin;
  StatusBoard statuses;
  while (!g_stop && (!plans.length || SteadyClock::now() - begin < milliseconds(plans.length->ms))) {
    for (const Scheduled* scheduled : board.begun(system_now())) {
      screen.line(fmt::format("{}  incident  {} in {} for {}", clock_text(scheduled->begin.ms), kind_name(scheduled->incident.kind),
                              place(scheduled->incident), format_duration(scheduled->incident.length)),
                  "\x1b[33m");
    }
    AlertCollector collected;
    const Status read = alerts.poll(collected);  // what came before a failure counts
    show_alerts(std::move(collected.alerts), plans, board, screen);
    TOCSIN_RETURN_IF_ERROR(tolerate(read, screen));
    if (SteadyClock::now() >= next_status) {
      next_status = SteadyClock::now() + kStatusEvery;
      const Status heard = signals.poll(statuses);
      TOCSIN_RETURN_IF_ERROR(tolerate(heard, screen));
      if (read.ok() && heard.ok()) screen.status(statuses.line());
    }
    std::this_thread::sleep_for(kPollEvery);
  }
  return {};
}

Result<int> run_watch(const Flags& flags) {
  const Result<config::Config> config = config::load_config(flags.config, flags.overrides);
  if (!config.ok()) return config.status();
  const Result<Plans> plans = read_plans(flags);
  if (!plans.ok()) return plans.status();
  stop_on_signals();
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
  TopicTail alerts(**reader, topics->at(0));
  TopicTail signals(**reader, topics->at(1));
  if (!plans->start) TOCSIN_RETURN_IF_ERROR(alerts.skip_to_end());
  TOCSIN_RETURN_IF_ERROR(signals.skip_to_end());

  IncidentBoard board(plans->incidents, plans->start.value_or(EventTime{}));
  Screen screen;
  const Status followed = follow(*plans, alerts, signals, board, screen);
  screen.end();
  TOCSIN_RETURN_IF_ERROR(followed);
  const bool as_expected = board.conclude(system_now(), flags.expect_incidents);
  const bool judged = flags.expect_incidents || (plans->length && !g_stop);
  return judged && !as_expected ? kExitNo : kExitFine;
}

}  // namespace

void add_watch(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("watch", "Show alerts as they come, beside the incidents of a load");
  auto flags = std::make_shared<Flags>();
  command->add_option("--config", flags->config, "Configuration file")->required()->type_name("FILE");
  command->add_option("--set", flags->overrides, kSetHelp)->type_name("KEY=VALUE")->allow_extra_args(false);
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
