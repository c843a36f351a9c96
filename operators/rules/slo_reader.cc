#include "operators/rules/slo_reader.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "engine/base/yaml/reader.h"
#include "operators/rules/expression_check.h"
#include "operators/rules/number_literal.h"
#include "operators/rules/parser.h"
#include "operators/rules/printer.h"
#include "operators/rules/rule_reader.h"

namespace tocsin::rules {
namespace {

using yaml::MappingReader;
using yaml::Node;

// The largest factors of the four standard pairs come first; a pair that the objective rules out is named by its factor.
constexpr std::array<std::string_view, 4> kStandardFactors = {"14.4", "6", "3", "1"};

class SloReader {
 public:
  SloReader(const yaml::Document& document, const Node& node, const LoadOptions& options, Report& report)
      : document_(document), reader_(node, "an SLO", report.errors), options_(options), report_(report) {}

  std::optional<std::string> read() {
    std::optional<std::string> name = read_name(reader_.node("name", MappingReader::kRequired), "'name'", "an SLO", report_);
    read_select();
    read_good();
    read_objective();
    read_window();
    static_cast<void>(read_by(reader_.node("by"), report_));
    static_cast<void>(read_interval(reader_.node("interval"), options_, report_));
    static_cast<void>(reader_.text_map("labels"));
    read_alerting();
    reader_.finish();
    return name;
  }

 private:
  // The text of `key`; nothing if it is not there or no text.
  const Node* scalar(std::string_view key, MappingReader::Presence presence) {
    const Node* node = reader_.node(key, presence);
    if (node == nullptr) return nullptr;
    return yaml::read_text(*node, fmt::format("'{}'", key), report_.errors) ? node : nullptr;
  }

  void read_select() {
    const Node* node = scalar("select", MappingReader::kOptional);
    if (node == nullptr) return;
    const Parsed<std::vector<Matcher>> parsed = parse_selector(node->text, locator(document_, *node));
    if (!parsed.ok()) return report_.error(parsed.error().position, parsed.error().message);
    check_matchers(parsed.value(), to_position(node->mark), report_);
  }

  void read_good() {
    const Node* node = scalar("good", MappingReader::kOptional);
    if (node == nullptr) return;
    const Parsed<Predicate> parsed = parse_predicate(node->text, locator(document_, *node));
    if (!parsed.ok()) return report_.error(parsed.error().position, parsed.error().message);
    check_predicate(parsed.value(), to_position(node->mark), report_);
  }

  // A plain number; nothing and an error if the text is none.
  std::optional<Rational> read_exact(const Node& node, std::string_view what) {
    const bool begins_well = !node.text.empty() && node.text.front() >= '0' && node.text.front() <= '9';
    const NumberLiteral literal = begins_well ? read_number(node.text) : NumberLiteral{.value = 0, .error = "no digit"};
    if (literal.error.empty() && !literal.has_unit) return literal.value;
    report_.error(to_position(node.mark), fmt::format("expected a number for {}, found {}", what, node.describe()));
    return std::nullopt;
  }

  void read_objective() {
    const Node* node = scalar("objective", MappingReader::kRequired);
    if (node == nullptr) return;
    objective_ = read_exact(*node, "'objective'");
    if (!objective_ || (*objective_ > 0 && *objective_ < 1)) return;
    objective_.reset();
    report_.error(to_position(node->mark), "an objective lies between 0 and 100%; 100% leaves no budget to burn");
  }

  void read_window() {
    const Node* node = reader_.node("window", MappingReader::kRequired);
    if (node != nullptr) read_window(*node, "'window'");
  }

  void read_window(const Node& node, std::string_view what) {
    const std::optional<Duration> window = yaml::read_duration(node, what, report_.errors);
    if (!window) return;
    if (*window < options_.resolution) report_.error(to_position(node.mark), fmt::format("{} is shorter than the resolution", what));
    if (*window > options_.max_window) {
      const std::string limit = format_duration(options_.max_window);
      report_.error(to_position(node.mark), fmt::format("{} is longer than state.max_window, {}", what, limit));
    }
  }

  void read_alerting() {
    const Node* node = reader_.node("alerting");
    if (node == nullptr || (node->is_scalar() && node->text == "none")) return;
    if (node->is_scalar() && node->text == "multiwindow") {
      for (const std::string_view factor : kStandardFactors) check_factor(read_number(factor).value, to_position(node->mark));
      return;
    }
    if (node->kind != Node::Kind::kSequence) {
      constexpr std::string_view kExpected = "expected multiwindow, none or a sequence of burn-rate pairs for 'alerting', found ";
      report_.error(to_position(node->mark), std::string(kExpected) + node->describe());
      return;
    }
    for (const Node& pair : node->items) read_pair(pair);
  }

  void read_pair(const Node& node) {
    MappingReader pair(node, "a burn-rate pair", report_.errors);
    for (const std::string_view key : {"long", "short"}) {
      if (const Node* window = pair.node(key, MappingReader::kRequired)) read_window(*window, fmt::format("'{}'", key));
    }
    if (const Node* factor = pair.node("factor", MappingReader::kRequired); factor != nullptr) {
      const std::optional<Rational> value = read_exact(*factor, "'factor'");
      if (value) check_factor(*value, to_position(factor->mark));
    }
    const std::optional<std::string> severity = pair.text("severity", MappingReader::kRequired);
    if (severity) check_severity(*severity, to_position(node.mark), options_, {"page", "ticket"}, report_);
    pair.finish();
  }

  // The burn rate is at most 1 / (1 - objective), when every event is bad.
  void check_factor(const Rational& factor, Position position) {
    if (!objective_ || factor * (1 - *objective_) < 1) return;
    report_.error(position, fmt::format("a burn rate above {} can never be reached with this objective", to_string(factor)));
  }

  const yaml::Document& document_;
  MappingReader reader_;
  const LoadOptions& options_;
  Report& report_;
  std::optional<Rational> objective_;
};

}  // namespace

std::optional<std::string> read_slo(const yaml::Document& document, const Node& node, const LoadOptions& options, Report& report) {
  return SloReader(document, node, options, report).read();
}

}  // namespace tocsin::rules
