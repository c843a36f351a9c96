#pragma once

// The incidents that were put into a load, and the alerts that they caused.
//
// An incident caused an alert that began between its start and 15 s after its end, if the alert's label `incident` (errors, latency or
// silence) is its kind, and the labels `domain` and, where both have one, `region` are its own.
//
// Thread:  confined.
// Failure: none.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "engine/loadgen/options.h"
#include "tocsin/v1/alert.pb.h"

namespace tocsin::cli {

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

// What rules call the kind, in their label `incident`: "errors", "latency", "silence".
std::string_view kind_name(loadgen::Incident::Kind kind);
// "wallet", or "wallet/eu".
std::string place(const loadgen::Incident& incident);

std::string clock_text(int64_t unix_ms);    // "16:04:08.250", UTC
std::string seconds_text(Duration length);  // "1.5 s"

EventTime starts_at(const v1::AlertEvent& alert);
EventTime evaluated_at(const v1::AlertEvent& alert);

class IncidentBoard {
 public:
  // `start`: when the load began.
  IncidentBoard(const std::vector<loadgen::Incident>& incidents, EventTime start);

  bool empty() const { return scheduled_.empty(); }
  // Takes note of an alert event. The incident that caused it, or null; of several, the one that began last.
  const Scheduled* add(const v1::AlertEvent& alert, WallTime now);
  // Those that began since the last call.
  std::vector<const Scheduled*> begun(WallTime now);
  // Prints the table. True if every incident that was over by `end` was detected and nothing fired without one; with `need_one`, there
  // must have been one.
  bool conclude(WallTime end, bool need_one) const;

 private:
  std::vector<Scheduled> scheduled_;  // by their begin
  std::vector<v1::AlertEvent> unexpected_;
};

}  // namespace tocsin::cli
