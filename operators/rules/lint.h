#pragma once

// Warnings: rules that are sound, but probably not what was meant (SPEC 3.1).

#include "operators/rules/report.h"
#include "operators/rules/rule.h"

namespace tocsin::rules {

// What one rule shows by itself. Not for disabled rules.
void lint_rule(const AlertRule& rule, Report& report);

// Whether the rule's alert is on an error rate and would resolve if all traffic stopped, because a ratio over no events has no value.
bool outage_resolves(const AlertRule& rule);

// Whether the rule's expression is true of a window without events: such a rule notices an outage.
bool fires_without_events(const AlertRule& rule);

void warn_outage_resolves(const AlertRule& rule, Report& report);

}  // namespace tocsin::rules
