#pragma once

// The tree of a template: text and actions. The syntax is the part of Go's text/template that annotations of Prometheus rules use.
//
//   action   := "{{" ["- "] [pipeline | "/*" comment "*/"] [" -"] "}}"
//   pipeline := command { "|" command };   the value so far becomes the last argument of the next command
//   command  := operand | function { operand }
//   operand  := $value | $labels | $labels.name | string | number | "(" pipeline ")"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operators/rules/template.h"

namespace tocsin::rules {

struct TemplateFunction;

struct TemplatePipeline;

struct TemplateOperand {
  enum class Kind { kText, kInteger, kNumber, kValue, kLabels, kLabel, kPipeline };
  Kind kind = Kind::kText;
  std::string text;                      // kText; kLabel: its name
  int64_t integer = 0;                   // kInteger
  double number = 0;                     // kNumber
  std::vector<TemplatePipeline> nested;  // kPipeline: one
};

struct TemplateCommand {
  const TemplateFunction* function = nullptr;  // null: a single operand
  std::vector<TemplateOperand> operands;
  size_t offset = 0;
};

struct TemplatePipeline {
  std::vector<TemplateCommand> commands;
};

// A piece of plain text, or an action (then the text is empty).
struct TemplatePiece {
  std::string text;
  std::optional<TemplatePipeline> pipeline;
};

inline constexpr size_t kMaxTemplateBytes = 32 * 1024;

// The pieces of a template, or why it is none (then `error` is set).
std::vector<TemplatePiece> parse_template(std::string_view text, TemplateError& error);

}  // namespace tocsin::rules
