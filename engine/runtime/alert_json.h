#pragma once

// Alert events as JSON (SPEC 5).
//
// Thread: pure functions.

#include <string>

#include "tocsin/v1/alert.pb.h"

namespace tocsin {

// proto3 JSON of the event, on one line: what google::protobuf::util::MessageToJsonString makes of it, but with the names of maps in order,
// so that equal events are equal bytes, and at a fraction of its cost: that one looks the message's type up anew for each event.
std::string alert_to_json(const v1::AlertEvent& alert);

}  // namespace tocsin
