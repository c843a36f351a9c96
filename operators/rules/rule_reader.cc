#include "operators/rules/rule_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "engine/base/yaml/reader.h"
#include "engine/base/yaml/suggest.h"
#include "operators/rules/constant.h"
#include "operators/rules/expression_check.h"
#include "operators/rules/parser.h"
#include "operators/rules/template.h"
#include "operators/rules/unsupported.h"

namespace tocsin::rules {
namespace {

using yaml::MappingReader;
using yaml::Node;

// One group for each event: nothing could ever be counted in it.
constexpr std::array<std::string_view, 4> kUniquePerEvent = {"request_id", "trace_id", "span_id", "event_id"};

// Reads the keys of one rule.
class RuleReader {
 public:
  RuleReader(const yaml::Document& document, const Node& node, const GroupDefaults& group, const LoadOptions& options, Report& report)
      : document_(document), reader_(node, "a rule", report.errors), group_(group), options_(options), report_(report) {}

  std::optional<AlertRule> read() {
    rule_.group = group_.name;
    rule_.file = document_.file;
    rule_.position = to_position(reader_.mark());
    rule_.enabled = reader_.boolean("enabled").value_or(true);
    const bool named = read_name();
    const bool has_expr = read_expressions();
    rule_.by = read_by(reader_.node("by"), report_);
    read_timing();
    read_no_data();
    read_severity();
    read_texts();
    read_unsupported_keys();
    reader_.finish();
    if (has_expr) check_constant();
    if (!named || !has_expr) return std::nullopt;
    return std::move(rule_);
  }

 private:
  bool read_name() {
    const Node* node = reader_.node("alert", MappingReader::kRequired);
    if (node != nullptr) rule_.position = to_position(node->mark);
    rule_.name = rules::read_name(node, "'alert'", "a rule", report_).value_or("");
    return !rule_.name.empty();
  }

  bool read_expressions() {
    const Node* expr = reader_.node("expr", MappingReader::kRequired);
    const Node* resolve = reader_.node("resolve");
    std::optional<Expr> tree = expr ? read_expression(*expr, "'expr'", Role::kExpr) : std::nullopt;
    if (resolve) rule_.resolve = read_expression(*resolve, "'resolve'", Role::kResolve);
    if (!tree) return false;
    rule_.expr_text = expr->text.substr(0, expr->text.find_last_not_of(" \t\r\n") + 1);
    rule_.expr = *std::move(tree);
    return true;
  }

  // An expression without an aggregate is the same at every tick, and no event makes a group known to it.
  void check_constant() {
    const std::optional<Constant> constant = fold(rule_.expr);
    if (!constant || constant->kind == Constant::Kind::kTooLarge) return;
    const bool knows_groups = rule_.by.empty() || reader_.node("expect") != nullptr;
    if (!truth_of(*constant).value_or(rule_.no_data == NoData::kAlert)) {
      report_.error(rule_.expr.position, "the expression holds no aggregate and is never true, so the rule can never fire");
    } else if (!knows_groups) {
      report_.error(rule_.expr.position,
                    "the expression holds no aggregate, so with 'by' no group is ever known and the rule can never fire");
    }
  }

  std::optional<Expr> read_expression(const Node& node, std::string_view key, Role role) {
    const std::optional<std::string> text = yaml::read_text(node, key, report_.errors);
    if (!text) return std::nullopt;
    Parsed<Expr> parsed = parse_expression(*text, locator(document_, node));
    if (!parsed.ok()) {
      report_.error(parsed.error().position, parsed.error().message);
      return std::nullopt;
    }
    Expr expr = std::move(parsed).value();
    check_expression(expr, role, options_, report_);
    if (rule_.enabled) {
      for (const UnsupportedPart& part : unsupported_parts(expr)) report_.error(part.position, part.message);
    }
    return expr;
  }

  void read_timing() {
    rule_.interval = read_interval(reader_.node("interval"), options_, report_).value_or(group_.interval);
    rule_.hold = reader_.duration("for").value_or(Duration{});
    rule_.keep_firing_for = reader_.duration("keep_firing_for").value_or(Duration{});
    rule_.cooldown = reader_.duration("cooldown").value_or(Duration{});
    rule_.group_retention = reader_.duration("group_retention");
    rule_.min_events = reader_.integer("min_events", 0).value_or(0);
  }

  void read_no_data() {
    const Node* node = reader_.node("no_data");
    const std::optional<std::string> text = node ? yaml::read_text(*node, "'no_data'", report_.errors) : std::nullopt;
    if (!text) return;
    constexpr std::array<std::pair<std::string_view, NoData>, 3> kChoices = {
        {{"ok", NoData::kOk}, {"keep", NoData::kKeep}, {"alert", NoData::kAlert}}};
    for (const auto& [name, choice] : kChoices) {
      if (*text != name) continue;
      rule_.no_data = choice;
      return;
    }
    report_.error(to_position(node->mark), fmt::format("expected ok, keep or alert for 'no_data', found {}{}", node->describe(),
                                                       did_you_mean(*text, {"ok", "keep", "alert"})));
  }

  void read_severity() {
    const Node* node = reader_.node("severity");
    const std::optional<std::string> text = node ? yaml::read_text(*node, "'severity'", report_.errors) : std::nullopt;
    if (text) rule_.severity = *text;
    // The default, too, has to be among the configured ones: severities may be called P4 … P1.
    if (node == nullptr || text) check_severity(rule_.severity, node ? to_position(node->mark) : rule_.position, options_, {}, report_);
  }

  void read_texts() {
    rule_.labels = reader_.text_map("labels").value_or(std::map<std::string, std::string>{});
    for (const auto& [name, value] : rule_.labels) {
      if (value.find("{{") == std::string::npos) continue;
      report_.warning(rule_.position, fmt::format("label '{}' is published as it is: only annotations are templates", name));
    }
    const Node* node = reader_.node("annotations");
    if (node == nullptr) return;
    rule_.annotations = yaml::read_text_map(*node, "'annotations'", report_.errors).value_or(std::map<std::string, std::string>{});
    for (const yaml::Entry& entry : node->entries) {
      if (!entry.value.is_scalar()) continue;
      const std::optional<TemplateError> error = find_template_error(entry.value.text);
      if (!error) continue;
      report_.error(locator(document_, entry.value)(error->offset), fmt::format("annotation '{}': {}", entry.key.text, error->message));
    }
  }

  // They are read and checked all the same: a disabled rule may hold them.
  void read_unsupported_keys() {
    static_cast<void>(reader_.duration("warmup"));
    if (const Node* expect = reader_.node("expect")) read_expect(*expect);
    if (const Node* escalation = reader_.node("escalation")) read_escalation(*escalation);
    if (!rule_.enabled) return;
    for (const std::string_view key : unsupported_rule_keys()) {
      if (const Node* node = reader_.node(key)) report_.error(to_position(node->mark), unsupported_rule_key_message(key));
    }
  }

  void read_expect(const Node& node) {
    for (const Node& group : yaml::read_sequence(node, "'expect'", report_.errors)) {
      static_cast<void>(yaml::read_text_map(group, "an entry of 'expect'", report_.errors));
      for (const yaml::Entry& entry : group.entries) {
        if (std::find(rule_.by.begin(), rule_.by.end(), entry.key.text) != rule_.by.end()) continue;
        report_.error(to_position(entry.key.mark), fmt::format("'{}' in 'expect' is no label of 'by'", entry.key.text));
      }
    }
  }

  void read_escalation(const Node& node) {
    for (const Node& step : yaml::read_sequence(node, "'escalation'", report_.errors)) {
      MappingReader reader(step, "a step of 'escalation'", report_.errors);
      static_cast<void>(reader.duration("after", MappingReader::kRequired));
      const std::optional<std::string> severity = reader.text("severity", MappingReader::kRequired);
      if (severity) check_severity(*severity, to_position(step.mark), options_, {}, report_);
      reader.finish();
    }
  }

  const yaml::Document& document_;
  MappingReader reader_;
  const GroupDefaults& group_;
  const LoadOptions& options_;
  Report& report_;
  AlertRule rule_;
};

}  // namespace

std::function<Position(size_t)> locator(const yaml::Document& document, const Node& scalar) {
  return [marks = document.marks_of(scalar)](size_t offset) { return to_position(marks[std::min(offset, marks.size() - 1)]); };
}

void check_severity(const std::string& severity, Position position, const LoadOptions& options, const std::vector<std::string_view>& others,
                    Report& report) {
  std::vector<std::string_view> known(options.severities.begin(), options.severities.end());
  known.insert(known.end(), others.begin(), others.end());
  if (std::find(known.begin(), known.end(), severity) != known.end()) return;
  report.error(position,
               fmt::format("unknown severity '{}'; configured are {}{}", severity, fmt::join(known, ", "), did_you_mean(severity, known)));
}

std::optional<std::string> read_name(const Node* node, std::string_view key, std::string_view what, Report& report) {
  std::optional<std::string> name = node ? yaml::read_text(*node, key, report.errors) : std::nullopt;
  if (!name || !name->empty()) return name;
  report.error(to_position(node->mark), fmt::format("the name of {} is not empty", what));
  return std::nullopt;
}

std::optional<Duration> read_interval(const Node* node, const LoadOptions& options, Report& report) {
  if (node == nullptr) return std::nullopt;
  const std::optional<Duration> interval = yaml::read_duration(*node, "'interval'", report.errors);
  if (!interval) return std::nullopt;
  if (interval->ms > 0 && interval->ms % options.resolution.ms == 0) return interval;
  report.error(to_position(node->mark), fmt::format("'interval' is a multiple of the resolution of {}, and {} is none",
                                                    format_duration(options.resolution), format_duration(*interval)));
  return std::nullopt;
}

std::vector<std::string> read_by(const Node* node, Report& report) {
  std::vector<std::string> by;
  if (node == nullptr) return by;
  std::set<std::string_view> seen;
  for (const Node& item : yaml::read_sequence(*node, "'by'", report.errors)) {
    const std::optional<std::string> name = yaml::read_text(item, "an entry of 'by'", report.errors);
    if (!name) continue;
    const Position position = to_position(item.mark);
    if (name->empty()) {
      report.error(position, "a label's name is not empty");
    } else if (std::find(kUniquePerEvent.begin(), kUniquePerEvent.end(), *name) != kUniquePerEvent.end()) {
      report.error(position, fmt::format("grouping by '{}' would make a group of every event", *name));
    } else if (std::string error = label_name_error(*name); !error.empty()) {
      report.error(position, std::move(error));
    } else if (!seen.insert(item.text).second) {
      report.error(position, fmt::format("'{}' stands twice in 'by'", *name));
    } else {
      by.push_back(*name);
    }
  }
  return by;
}

std::optional<AlertRule> read_rule(const yaml::Document& document, const Node& node, const GroupDefaults& group, const LoadOptions& options,
                                   Report& report) {
  return RuleReader(document, node, group, options, report).read();
}

}  // namespace tocsin::rules
