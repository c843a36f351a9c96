#include "operators/rules/template.h"

#include <fmt/format.h>

#include "operators/rules/template_functions.h"
#include "operators/rules/template_parser.h"

namespace tocsin::rules {
namespace {

constexpr size_t kMaxExpandedBytes = 64 * 1024;

// Evaluates actions over one alert's labels and value.
class Evaluator {
 public:
  Evaluator(const std::map<std::string, std::string>& labels, std::optional<double> value, bool labels_known)
      : labels_(labels), value_(value), labels_known_(labels_known) {}

  TemplateValue run(const TemplatePipeline& pipeline) {
    TemplateValue value;
    for (size_t i = 0; i < pipeline.commands.size(); ++i) {
      const TemplateCommand& command = pipeline.commands[i];
      if (command.function == nullptr) {
        value = operand(command.operands[0]);
        continue;
      }
      std::vector<TemplateValue> arguments;
      arguments.reserve(command.operands.size() + 1);
      for (const TemplateOperand& argument : command.operands) arguments.push_back(operand(argument));
      if (i > 0) arguments.push_back(std::move(value));
      if (!error_.message.empty()) return {};
      TemplateResult result = call_template_function(*command.function, arguments);
      if (!result.error.empty()) error_ = {command.offset, fmt::format("{}: {}", command.function->name, result.error)};
      if (!error_.message.empty()) return {};
      value = std::move(result.value);
    }
    return value;
  }

  const TemplateError& error() const { return error_; }

 private:
  TemplateValue operand(const TemplateOperand& operand) {
    switch (operand.kind) {
      case TemplateOperand::Kind::kText: return {.content = operand.text};
      case TemplateOperand::Kind::kInteger: return {.content = operand.integer};
      case TemplateOperand::Kind::kNumber: return {.content = operand.number};
      case TemplateOperand::Kind::kValue: return value_ ? TemplateValue{.content = *value_} : TemplateValue{};
      case TemplateOperand::Kind::kLabels: return {.content = &labels_, .known = labels_known_};
      case TemplateOperand::Kind::kLabel: return label(operand.text);
      case TemplateOperand::Kind::kPipeline: return run(operand.nested[0]);
    }
    return {};
  }

  TemplateValue label(const std::string& name) const {
    const auto found = labels_.find(name);
    return {.content = found == labels_.end() ? std::string() : found->second, .known = labels_known_};
  }

  const std::map<std::string, std::string>& labels_;
  std::optional<double> value_;
  bool labels_known_;
  TemplateError error_;
};

}  // namespace

std::optional<TemplateError> find_template_error(std::string_view text) {
  TemplateError error;
  const std::vector<TemplatePiece> pieces = parse_template(text, error);
  if (!error.message.empty()) return error;
  const std::map<std::string, std::string> no_labels;
  Evaluator evaluator(no_labels, 1.0, false);
  for (const TemplatePiece& piece : pieces) {
    if (piece.pipeline) static_cast<void>(evaluator.run(*piece.pipeline));
    if (!evaluator.error().message.empty()) return evaluator.error();
  }
  return std::nullopt;
}

std::string expand_template(std::string_view text, const std::map<std::string, std::string>& labels, std::optional<double> value) {
  const auto broken = [](std::string_view why) { return fmt::format("<error expanding template: {}>", why); };
  TemplateError error;
  const std::vector<TemplatePiece> pieces = parse_template(text, error);
  if (!error.message.empty()) return broken(error.message);
  Evaluator evaluator(labels, value, true);
  std::string out;
  for (const TemplatePiece& piece : pieces) {
    out += piece.text;
    if (piece.pipeline) out += print_template_value(evaluator.run(*piece.pipeline));
    if (!evaluator.error().message.empty()) return broken(evaluator.error().message);
    if (out.size() > kMaxExpandedBytes) return broken("the result is too long");
  }
  return out;
}

}  // namespace tocsin::rules
