#include "engine/runtime/detection.h"

#include <algorithm>

namespace tocsin {
namespace {

EventTime starts_at(const v1::AlertEvent& alert) { return {parse_rfc3339(alert.starts_at()).value_or(0)}; }

bool matches(const Incident& incident, const v1::AlertEvent& firing, Duration grace) {
  const EventTime begun = starts_at(firing);
  if (begun < incident.start || begun > incident.end + grace) return false;
  if (!incident.rule.empty() && incident.rule != firing.rule()) return false;
  return std::all_of(incident.labels.begin(), incident.labels.end(), [&](const auto& label) {
    const auto found = firing.labels().find(label.first);
    return found == firing.labels().end() || found->second == label.second;
  });
}

// Of the incidents and firings that count; `missed` gets the incidents that no firing matches.
Detection detection(const std::vector<const Incident*>& incidents, const std::vector<const v1::AlertEvent*>& firings, Duration grace,
                    std::vector<const Incident*>& missed) {
  Detection result;
  result.firings = firings.size();
  result.incidents = incidents.size();
  std::vector<bool> matched(firings.size(), false);
  std::vector<Duration> delays;
  for (const Incident* incident : incidents) {
    std::optional<EventTime> first;
    for (size_t i = 0; i < firings.size(); ++i) {
      if (!matches(*incident, *firings[i], grace)) continue;
      matched[i] = true;
      first = std::min(first.value_or(EventTime::max()), starts_at(*firings[i]));
    }
    if (first) {
      delays.push_back(*first - incident->start);
    } else {
      missed.push_back(incident);
    }
  }
  result.matched = static_cast<size_t>(std::count(matched.begin(), matched.end(), true));
  result.detected = delays.size();
  if (delays.empty()) return result;
  std::sort(delays.begin(), delays.end());
  result.delay_median = delays[(delays.size() - 1) / 2];
  result.delay_max = delays.back();
  return result;
}

}  // namespace

DetectionReport judge(const std::vector<Incident>& incidents, const std::vector<std::string>& rules,
                      const std::vector<v1::AlertEvent>& alerts, Duration grace) {
  DetectionReport report;
  std::vector<const v1::AlertEvent*> firings;
  for (const v1::AlertEvent& alert : alerts) {
    if (alert.state() == "firing") firings.push_back(&alert);
  }
  std::vector<const Incident*> all;
  all.reserve(incidents.size());
  for (const Incident& incident : incidents) all.push_back(&incident);
  report.all = detection(all, firings, grace, report.missed);
  for (const std::string& rule : rules) {
    std::vector<const Incident*> its_incidents;
    std::vector<const v1::AlertEvent*> its_firings;
    std::vector<const Incident*> missed;
    for (const Incident* incident : all) {
      if (incident->rule.empty() || incident->rule == rule) its_incidents.push_back(incident);
    }
    for (const v1::AlertEvent* firing : firings) {
      if (firing->rule() == rule) its_firings.push_back(firing);
    }
    report.rules.push_back(detection(its_incidents, its_firings, grace, missed));
  }
  return report;
}

}  // namespace tocsin
