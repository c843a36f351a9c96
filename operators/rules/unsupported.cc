#include "operators/rules/unsupported.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "operators/rules/printer.h"

namespace tocsin::rules {
namespace {

constexpr std::array<AggregateKind, 4> kAggregates = {AggregateKind::kDistinct, AggregateKind::kLast, AggregateKind::kBurnRate,
                                                      AggregateKind::kBudgetRemaining};
constexpr bool kMetricAggregates = false;
constexpr bool kValuePredicates = false;
constexpr bool kOffsets = false;
constexpr bool kSlos = false;

std::string message(std::string_view what) {
  return fmt::format("{} is not supported by this version of tocsin yet; remove the rule or set enabled: false", what);
}

bool mentions_value(const Predicate& predicate) {
  return predicate.kind == Predicate::Kind::kValue || std::any_of(predicate.children.begin(), predicate.children.end(), mentions_value);
}

// The first reason to refuse an aggregate, or "".
std::string reason(const Aggregate& aggregate) {
  const std::string_view name = to_string(aggregate.kind);
  if (std::find(kAggregates.begin(), kAggregates.end(), aggregate.kind) != kAggregates.end()) return fmt::format("'{}'", name);
  if (aggregate.metric && !kMetricAggregates) return fmt::format("'{}' over the metric '{}'", name, *aggregate.metric);
  if (aggregate.predicate && mentions_value(*aggregate.predicate) && !kValuePredicates) return "'value' in a predicate";
  if (aggregate.offset.ms != 0 && !kOffsets) return "'offset'";
  return "";
}

void collect(const Expr& expr, std::vector<UnsupportedPart>& parts) {
  if (expr.kind == Expr::Kind::kAggregate) {
    if (const std::string why = reason(*expr.aggregate); !why.empty()) parts.push_back({expr.aggregate->position, message(why)});
  }
  for (const Expr& child : expr.children) collect(child, parts);
}

}  // namespace

std::vector<UnsupportedPart> unsupported_parts(const Expr& expr) {
  std::vector<UnsupportedPart> parts;
  collect(expr, parts);
  return parts;
}

const std::vector<std::string_view>& unsupported_rule_keys() {
  static const std::vector<std::string_view> kKeys = {"expect", "escalation", "warmup"};
  return kKeys;
}

std::string unsupported_rule_key_message(std::string_view key) { return message(fmt::format("'{}'", key)); }

std::string unsupported_slos_message() { return kSlos ? "" : "'slos' are not supported by this version of tocsin yet; remove the section"; }

}  // namespace tocsin::rules
