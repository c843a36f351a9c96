#pragma once

// Alert events as records of <app>.alerts and <app>.alert-states (SPEC 5).
//
// Thread: pure functions.

#include <string>
#include <vector>

#include "engine/log/log.h"
#include "tocsin/v1/alert.pb.h"

namespace tocsin {

enum class AlertFormat { kJson, kProtobuf };

struct AlertTopics {
  std::string alerts;
  std::string alert_states;  // "": not kept
  std::string source;        // ce_source: "tocsin/<app>"
  AlertFormat format = AlertFormat::kJson;
};

// Appends the event's record with its CloudEvents headers, and what the compacted topic of states says after it.
void append_alert_records(const v1::AlertEvent& alert, const AlertTopics& topics, std::vector<log::OutRecord>& records);

}  // namespace tocsin
