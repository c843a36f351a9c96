#include "operators/rule_family.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace tocsin {
namespace {

using rules::CompareOp;

// The comparison that is all of the rule's expression, if it is one that families are made of.
const ExactComparison* only_comparison(const PlannedRule& rule) {
  const Program& program = rule.program;
  const bool alone = program.aggregates.size() == 1 && program.comparisons.size() == 1 && program.exact_comparisons.size() == 1 &&
                     program.nodes.back().kind == Program::Node::Kind::kCompareExact;
  if (!alone || rule.resolve) return nullptr;
  const ExactComparison& comparison = program.exact_comparisons.front();
  return comparison.op == CompareOp::kEqual || comparison.op == CompareOp::kNotEqual ? nullptr : &comparison;
}

// Rules of one key differ in nothing but their constants, as far as verdicts go.
auto key_of(const PlannedRule& rule, const ExactComparison& comparison) {
  const AggregateRef& aggregate = rule.program.aggregates.front();
  return std::tuple(rule.group_space, rule.rule.interval, rule.retention, rule.rule.min_events, rule.rule.no_data, comparison.op,
                    aggregate.kind, aggregate.window, aggregate.of_latency, aggregate.predicate, aggregate.quantile);
}
using Key = decltype(key_of(std::declval<PlannedRule>(), std::declval<ExactComparison>()));

}  // namespace

RuleFamily::RuleFamily(const Plan& plan, std::vector<int> rules)
    : plan_(plan), rules_(std::move(rules)), shared_(&plan.rules[static_cast<size_t>(rules_.front())]) {}

bool RuleFamily::uses(int window) const {
  const auto has = [window](const std::vector<int>& windows) { return std::find(windows.begin(), windows.end(), window) != windows.end(); };
  return has(shared_->windows) || has(shared_->resolve_windows);
}

RuleFamily::Standing RuleFamily::find_standing(GroupWindows& windows, const Standing& before) const {
  const auto ask = [&](uint32_t place) {
    return plan_.rules[static_cast<size_t>(rules_[place])].program.evaluate(windows, shared_->rule.min_events);
  };
  const auto size = static_cast<uint32_t>(rules_.size());
  // The boundary lies in [low, high]: all rules below `low` are true, all from `high` on are not. It moves little between two ticks.
  uint32_t low = 0;
  uint32_t high = size;
  const uint32_t guess = std::min(before.true_rules, size);
  const Value first = ask(guess == size ? size - 1 : guess);
  if (!first.has_value()) return {Standing::Kind::kNoValue, 0};
  if (guess == size) {
    if (first.is_true()) return {Standing::Kind::kValue, size};
    high = size - 1;
  } else if (first.is_true()) {
    low = guess + 1;
  } else {
    high = guess;
  }
  const bool rising = low > 0;
  for (uint32_t step = 1; low < high; step *= 2) {
    const uint32_t place = rising ? std::min(low + step - 1, high - 1) : (high - low > step ? high - step : low);
    if (ask(place).is_true()) {
      low = place + 1;
      if (!rising) break;
    } else {
      high = place;
      if (rising) break;
    }
  }
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (ask(middle).is_true()) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return {Standing::Kind::kValue, low};
}

RuleFamily::Places RuleFamily::changed(const Standing& before, const Standing& now) const {
  const auto size = static_cast<uint32_t>(rules_.size());
  if (before.kind == Standing::Kind::kUnknown) return {0, size};
  if (before.kind != now.kind && shared_->rule.no_data == rules::NoData::kKeep) return {0, size};
  const auto count = [&](const Standing& standing) {
    if (standing.kind == Standing::Kind::kValue) return standing.true_rules;
    return shared_->rule.no_data == rules::NoData::kAlert ? size : 0;
  };
  return {std::min(count(before), count(now)), std::max(count(before), count(now))};
}

RuleFamily::Work RuleFamily::take_work() {
  Work work{std::exchange(dirty_, {}), std::exchange(due_, {})};
  std::sort(work.groups.begin(), work.groups.end());
  std::sort(work.due.begin(), work.due.end());
  return work;
}

std::vector<RuleFamily> families_of(const Plan& plan) {
  std::vector<std::vector<int>> members;
  std::map<Key, size_t> by_key;
  for (int i = 0; i < static_cast<int>(plan.rules.size()); ++i) {
    const PlannedRule& rule = plan.rules[static_cast<size_t>(i)];
    const ExactComparison* comparison = only_comparison(rule);
    if (comparison == nullptr) {
      members.push_back({i});
      continue;
    }
    const auto [found, is_new] = by_key.try_emplace(key_of(rule, *comparison), members.size());
    if (is_new) members.emplace_back();
    members[found->second].push_back(i);
  }
  std::vector<RuleFamily> families;
  for (std::vector<int>& rules : members) {
    const auto constant = [&](int rule) -> const rules::Rational& {
      return plan.rules[static_cast<size_t>(rule)].program.exact_comparisons.front().constant;
    };
    if (rules.size() > 1) {
      const CompareOp op = only_comparison(plan.rules[static_cast<size_t>(rules.front())])->op;
      const bool ascending = op == CompareOp::kGreater || op == CompareOp::kGreaterEqual;
      std::stable_sort(rules.begin(), rules.end(),
                       [&](int a, int b) { return ascending ? constant(a) < constant(b) : constant(b) < constant(a); });
    }
    families.emplace_back(plan, std::move(rules));
  }
  return families;
}

}  // namespace tocsin
