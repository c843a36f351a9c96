#pragma once

// How well rules found what is known to have happened: precision, recall and delay of an alert log against incidents.
//
// A firing matches an incident if its episode began from the incident's start to its end (both included) plus a grace, no label that both
// have differs, and the incident names no other rule. An incident is detected if a firing matches it. An alert that fired already when the
// incident began does not detect it: nobody was told of anything new.
//
// Thread: pure functions.

#include <optional>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/runtime/incidents.h"
#include "tocsin/v1/alert.pb.h"

namespace tocsin {

struct Detection {
  size_t firings = 0;
  size_t matched = 0;    // firings that match an incident
  size_t incidents = 0;  // those that name no other rule
  size_t detected = 0;
  // From the start of a detected incident to the start of the first firing that matches it. Median by nearest rank (the lower of two
  // middle ones), as quantiles are everywhere.
  std::optional<Duration> delay_median, delay_max;

  std::optional<double> precision() const { return share(matched, firings); }
  std::optional<double> recall() const { return share(detected, incidents); }

 private:
  static std::optional<double> share(size_t part, size_t whole) {
    if (whole == 0) return std::nullopt;
    return static_cast<double>(part) / static_cast<double>(whole);
  }
};

struct DetectionReport {
  std::vector<Detection> rules;         // one for each rule asked for, in that order
  Detection all;                        // of all of them together: the first to fire detects
  std::vector<const Incident*> missed;  // by every rule; they live as long as the incidents passed in
};

// `alerts`: every event of `rules` and of no others.
DetectionReport judge(const std::vector<Incident>& incidents, const std::vector<std::string>& rules,
                      const std::vector<v1::AlertEvent>& alerts, Duration grace);

}  // namespace tocsin
