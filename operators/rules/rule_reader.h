#pragma once

// Reads one rule of a rule file: its keys, its expressions, and everything about it that needs no other rule.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/yaml/document.h"
#include "operators/rules/report.h"
#include "operators/rules/rule.h"

namespace tocsin::rules {

// What a rule takes from its group.
struct GroupDefaults {
  std::string name;
  Duration interval;
};

// The rule, or nothing if it has no name or no expression that parses; every mistake goes to the report.
std::optional<AlertRule> read_rule(const yaml::Document& document, const yaml::Node& node, const GroupDefaults& group,
                                   const LoadOptions& options, Report& report);

// The name of `what` ("a rule"), which is not empty; nothing if it is not there or wrong. `key` names it in messages.
std::optional<std::string> read_name(const yaml::Node* node, std::string_view key, std::string_view what, Report& report);

// `interval`, checked against the grid of ticks; nothing if it is not there or wrong.
std::optional<Duration> read_interval(const yaml::Node* node, const LoadOptions& options, Report& report);

// `by`: names of labels, checked.
std::vector<std::string> read_by(const yaml::Node* node, Report& report);

// Positions in the file for the text of a scalar, as the parsers of expressions ask for them.
std::function<Position(size_t)> locator(const yaml::Document& document, const yaml::Node& scalar);

// Reports a severity that is neither among the configured ones nor among `others`.
void check_severity(const std::string& severity, Position position, const LoadOptions& options, const std::vector<std::string_view>& others,
                    Report& report);

}  // namespace tocsin::rules
