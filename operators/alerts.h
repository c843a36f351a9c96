#pragma once

// Alert events: identity and content (SPEC 5).
//
// Thread: pure functions.

#include <cstdint>
#include <string>
#include <vector>

#include "operators/lifecycle.h"
#include "operators/plan.h"
#include "operators/verdict.h"
#include "tocsin/v1/alert.pb.h"

namespace tocsin {

// FNV-1a-64 of the rule's name and the group's labels that are not empty (`by` sorted by bytes, values in that order).
uint64_t fingerprint_of(const std::string& rule, const std::vector<std::string>& by, const std::vector<std::string>& values);
// 16 lower-case hex digits.
std::string format_fingerprint(uint64_t fingerprint);

// What an alert event is made of.
struct AlertContext {
  const Plan& plan;
  const PlannedRule& rule;
  const std::vector<std::string>& group;
  EventTime tick;
  GroupWindows& windows;
};

// `instance` as it is after the transition, its sequence already counted; `before` holds the episode's times.
v1::AlertEvent make_alert(const AlertContext& context, Transition transition, const Instance& before, const Instance& after,
                          const std::string& reason);

}  // namespace tocsin
