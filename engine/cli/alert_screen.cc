#include "engine/cli/alert_screen.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "engine/base/clock.h"
#include "engine/cli/command.h"
#include "engine/cli/incident_board.h"
#include "tocsin/v1/alert.pb.h"

namespace tocsin::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPollEvery{100}, kStatusEvery{500};
constexpr seconds kStatusLineEvery{5};  // where it cannot be redrawn
constexpr seconds kStatusValid{5};
constexpr Duration kStartTimeout{30'000};

// --- what is read ---

// A broker that is away, or lags behind and does not know of a topic yet; records that were removed before they were read.
bool may_pass(const Status& status) { return status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kNotFound; }

// Follows all partitions of a topic.
class TopicTail {
 public:
  TopicTail(log::PartitionReader& reader, const WatchedTopic& topic) : reader_(reader) {
    for (int32_t p = 0; p < topic.partitions; ++p) partitions_.push_back({{topic.name, p}, 0});
  }

  // What is there already is left out.
  Status skip_to_end(const std::atomic<bool>& stop) {
    for (Position& position : partitions_) {
      auto bounds = reader_.bounds(position.partition);
      // Right after a topic was made its leaders may not know of it yet.
      for (const WallTime deadline = system_now() + kStartTimeout; may_pass(bounds.status()) && system_now() < deadline && !stop;) {
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
    if (name != "incident") labels += fmt::format("{}{}={}", labels.empty() ? "" : " ", name, printable(value));
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

// Shows the alerts that came, in the order of their ticks: partitions have none among each other.
void show_alerts(std::vector<v1::AlertEvent> alerts, const WatchPlan& plan, IncidentBoard& board, Screen& screen) {
  std::stable_sort(alerts.begin(), alerts.end(),
                   [](const v1::AlertEvent& a, const v1::AlertEvent& b) { return evaluated_at(a) < evaluated_at(b); });
  const WallTime now = system_now();
  for (const v1::AlertEvent& alert : alerts) {
    if (plan.start && starts_at(alert) < *plan.start) continue;
    const Scheduled* cause = board.add(alert, now);
    const std::string text = alert_line(alert) + (board.empty() ? "" : cause_text(alert, cause, now));
    screen.line(text, alert.state() == "resolved" ? "\x1b[32m" : "\x1b[31m");
  }
}

// What may pass is waited for; everything else ends the watch.
Status tolerate(const Status& status, Screen& screen) {
  if (!may_pass(status)) return status;
  screen.status(fmt::format("{}  waiting for the broker: {}", clock_text(system_now().ms), status.message()));
  return {};
}

Status follow(const WatchPlan& plan, TopicTail& alerts, TopicTail& signals, const std::atomic<bool>& stop, IncidentBoard& board,
              Screen& screen) {
  const auto begin = SteadyClock::now();
  auto next_status = begin;
  StatusBoard statuses;
  while (!stop && (!plan.length || SteadyClock::now() - begin < milliseconds(plan.length->ms))) {
    for (const Scheduled* scheduled : board.begun(system_now())) {
      screen.line(fmt::format("{}  incident  {} in {} for {}", clock_text(scheduled->begin.ms), kind_name(scheduled->incident.kind),
                              place(scheduled->incident), format_duration(scheduled->incident.length)),
                  "\x1b[33m");
    }
    AlertCollector collected;
    const Status read = alerts.poll(collected);  // what came before a failure counts
    show_alerts(std::move(collected.alerts), plan, board, screen);
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

}  // namespace

Result<bool> watch_alerts(const WatchPlan& plan, log::PartitionReader& reader, const WatchedTopic& alerts, const WatchedTopic& signals,
                          const std::atomic<bool>& stop) {
  TopicTail alert_tail(reader, alerts);
  TopicTail signal_tail(reader, signals);
  if (!plan.start) TOCSIN_RETURN_IF_ERROR(alert_tail.skip_to_end(stop));
  TOCSIN_RETURN_IF_ERROR(signal_tail.skip_to_end(stop));
  IncidentBoard board(plan.incidents, plan.start.value_or(EventTime{}));
  Screen screen;
  const Status followed = follow(plan, alert_tail, signal_tail, stop, board, screen);
  screen.end();
  TOCSIN_RETURN_IF_ERROR(followed);
  const bool as_expected = board.conclude(system_now(), plan.expect_incidents);
  const bool judged = plan.expect_incidents || (plan.length && !stop);
  return as_expected || !judged;
}

}  // namespace tocsin::cli
