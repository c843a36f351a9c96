#include "engine/cli/incident_board.h"

#include <fmt/format.h>

#include <algorithm>

namespace tocsin::cli {
namespace {

constexpr Duration kMatchAfterEnd{15'000};  // a window still holds an incident's events for a while after its end

std::string label(const v1::AlertEvent& alert, const std::string& name) {
  const auto found = alert.labels().find(name);
  return found == alert.labels().end() ? "" : found->second;
}

bool caused(const Scheduled& scheduled, const v1::AlertEvent& alert) {
  const EventTime begun = starts_at(alert);
  const std::string region = label(alert, "region");
  const std::string& wanted = scheduled.incident.region;
  return begun >= scheduled.begin && begun <= scheduled.end + kMatchAfterEnd &&
         label(alert, "incident") == kind_name(scheduled.incident.kind) && label(alert, "domain") == scheduled.incident.domain &&
         (wanted.empty() || region.empty() || region == wanted);
}

}  // namespace

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

std::string clock_text(int64_t unix_ms) { return format_rfc3339(unix_ms).substr(11, 12); }  // "16:04:08.250"
std::string seconds_text(Duration length) { return fmt::format("{:.1f} s", static_cast<double>(length.ms) / 1000); }

EventTime starts_at(const v1::AlertEvent& alert) { return {parse_rfc3339(alert.starts_at()).value_or(0)}; }
EventTime evaluated_at(const v1::AlertEvent& alert) { return {parse_rfc3339(alert.evaluated_at()).value_or(0)}; }

IncidentBoard::IncidentBoard(const std::vector<loadgen::Incident>& incidents, EventTime start) {
  for (const loadgen::Incident& incident : incidents) {
    const EventTime begin = start + incident.at;
    scheduled_.push_back({incident, begin, begin + incident.length, std::nullopt, 0, false});
  }
  std::sort(scheduled_.begin(), scheduled_.end(), [](const Scheduled& a, const Scheduled& b) { return a.begin < b.begin; });
}

const Scheduled* IncidentBoard::add(const v1::AlertEvent& alert, WallTime now) {
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

std::vector<const Scheduled*> IncidentBoard::begun(WallTime now) {
  std::vector<const Scheduled*> result;
  for (Scheduled& scheduled : scheduled_) {
    if (scheduled.announced || scheduled.begin.ms > now.ms) continue;
    scheduled.announced = true;
    result.push_back(&scheduled);
  }
  return result;
}

bool IncidentBoard::conclude(WallTime end, bool need_one) const {
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

}  // namespace tocsin::cli
