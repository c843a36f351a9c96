#pragma once

// Reads one service level objective of a rule file (SPEC 3, 3.2) and checks it. This version evaluates none (unsupported.h), so what is
// kept is only what rules refer to: the name.

#include <optional>
#include <string>

#include "engine/base/yaml/document.h"
#include "operators/rules/report.h"
#include "operators/rules/rule.h"

namespace tocsin::rules {

// The SLO's name, or nothing if it has none; every mistake goes to the report.
std::optional<std::string> read_slo(const yaml::Document& document, const yaml::Node& node, const LoadOptions& options, Report& report);

}  // namespace tocsin::rules
