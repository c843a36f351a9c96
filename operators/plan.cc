#include "operators/plan.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "engine/base/hash.h"
#include "operators/compile.h"
#include "operators/rules/printer.h"

namespace tocsin {
namespace {

// Sketches of this width are not stored where those of the level below are kept for the length of every window anyway: to write all values
// down once more would cost more than to read five blocks instead of one when an alert is published.
constexpr Duration kPutTogetherLate{5'000};
constexpr std::array<int64_t, 6> kLadderMs = {1000, 5000, 60'000, 300'000, 3'600'000, 21'600'000};

std::vector<std::string> sorted_by_bytes(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

// Different for different lists. A list with a name that holds the separator is quoted, so that it is taken for no other; all others are
// not: view ids are hashes of this text, and they are stored.
std::string describe_by(const std::vector<std::string>& by) {
  const auto holds_separator = [](const std::string& name) { return name.find(", ") != std::string::npos; };
  if (std::none_of(by.begin(), by.end(), holds_separator)) return fmt::format("by ({})", fmt::join(by, ", "));
  std::vector<std::string> quoted;
  quoted.reserve(by.size());
  for (const std::string& name : by) quoted.push_back(rules::quote(name));
  return fmt::format("by [{}]", fmt::join(quoted, ", "));
}

std::shared_ptr<const re2::RE2> compile_pattern(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<const re2::RE2>("^(?:" + pattern + ")$", options);
  TOCSIN_CHECK(compiled->ok(), "the loader let a broken regular expression pass");
  return compiled;
}

// Gathers what the rules ask for; the plan's numbers (levels, thresholds in order) are only known when all have been seen.
class PlanBuilder : public AggregateResolver {
 public:
  explicit PlanBuilder(const PlanOptions& options) : options_(options), plan_(std::make_shared<Plan>()) {
    plan_->resolution = options.resolution;
  }

  void declare(const rules::AlertRule& rule) {
    rule_by_ = sorted_by_bytes(rule.by);
    rule_interval_ = rule.interval;
    declare_aggregates(rule.expr);
    if (rule.resolve) declare_aggregates(*rule.resolve);
  }

  void complete_views() {
    for (View& view : plan_->views) {
      std::sort(view.thresholds.begin(), view.thresholds.end());
      view.thresholds.erase(std::unique(view.thresholds.begin(), view.thresholds.end()), view.thresholds.end());
    }
    for (size_t i = 0; i < plan_->views.size(); ++i) set_levels(static_cast<int>(i));
    for (const View& view : plan_->views) plan_->pane.ms = std::gcd(plan_->pane.ms, view.pane.ms);
    if (plan_->pane.ms == 0) plan_->pane = options_.resolution;
  }

  void compile(const rules::AlertRule& rule) {
    rule_by_ = sorted_by_bytes(rule.by);
    rule_interval_ = rule.interval;
    PlannedRule planned;
    planned.rule = rule;
    planned.id = fnv1a(rule.name);
    planned.by = rule_by_;
    planned.group_space = group_space(rule_by_);
    planned.program = compile_program(rule.expr, *this);
    planned.windows = windows_of(planned.program);
    if (rule.resolve) {
      planned.resolve = compile_program(*rule.resolve, *this);
      planned.resolve_windows = windows_of(*planned.resolve);
    }
    planned.retention = rule.group_retention.value_or(options_.group_retention);
    for (const int w : planned.windows) {
      const Window& window = plan_->windows[static_cast<size_t>(w)];
      planned.retention = std::max(planned.retention, window.length + window.step + window.offset);
    }
    plan_->rules.push_back(std::move(planned));
  }

  std::shared_ptr<const Plan> finish() {
    uint64_t version = kFnvOffsetBasis;
    for (const View& view : plan_->views) {
      version = fnv1a(fmt::format("{}|{}|{}|{}|", view.description, view.pane.ms, fmt::join(view.thresholds, ","), view.latency), version);
      for (const EventPredicate& predicate : view.predicates) version = fnv1a(std::to_string(predicate.id()), version);
    }
    plan_->version = version;
    return plan_;
  }

  // AggregateResolver, for compile_program.
  int window_of(const rules::Aggregate& aggregate) override {
    const Window wanted{view_of(aggregate), aggregate.window, tail_step(aggregate.window, options_.resolution), aggregate.offset,
                        rule_interval_};
    for (size_t i = 0; i < plan_->windows.size(); ++i) {
      const Window& window = plan_->windows[i];
      if (window.view == wanted.view && window.length == wanted.length && window.offset == wanted.offset &&
          window.interval == wanted.interval) {
        return static_cast<int>(i);
      }
    }
    plan_->windows.push_back(wanted);
    return static_cast<int>(plan_->windows.size()) - 1;
  }

  int threshold_of(int window, int64_t us) override {
    if (us < 0) return -1;
    const std::vector<uint64_t>& thresholds = view_at(window).thresholds;
    const auto found = std::lower_bound(thresholds.begin(), thresholds.end(), static_cast<uint64_t>(us));
    TOCSIN_CHECK(found != thresholds.end() && *found == static_cast<uint64_t>(us), "a threshold was not declared");
    return static_cast<int>(found - thresholds.begin());
  }

  int predicate_of(int window, const rules::Predicate& predicate) override {
    std::vector<EventPredicate>& predicates = view_at(window).predicates;
    EventPredicate wanted(predicate);
    for (size_t i = 0; i < predicates.size(); ++i) {
      if (predicates[i].id() == wanted.id()) return static_cast<int>(i);
    }
    declare_slots(predicate);
    predicates.push_back(std::move(wanted));
    return static_cast<int>(predicates.size()) - 1;
  }

 private:
  View& view_at(int window) { return plan_->views[static_cast<size_t>(plan_->windows[static_cast<size_t>(window)].view)]; }

  void declare_aggregates(const rules::Expr& expr) {
    if (expr.kind == rules::Expr::Kind::kAggregate) {
      const int window = window_of(*expr.aggregate);
      if (expr.aggregate->predicate) predicate_of(window, *expr.aggregate->predicate);
      if (reads_latency(*expr.aggregate)) view_at(window).latency = true;
    }
    if (const std::optional<ConstantComparison> comparison = constant_comparison(expr)) {
      const int window = window_of(*comparison->aggregate);
      for (const int64_t us : thresholds_of(*comparison)) {
        if (us >= 0) view_at(window).thresholds.push_back(static_cast<uint64_t>(us));
      }
    }
    for (const rules::Expr& child : expr.children) declare_aggregates(child);
  }

  void declare_slots(const rules::Predicate& predicate) {
    for (const rules::Matcher& matcher : predicate.matchers) plan_->predicate_matchers.push_back(compile_matcher(matcher));
    for (const rules::Predicate& child : predicate.children) declare_slots(child);
  }

  SlotMatcher compile_matcher(const rules::Matcher& matcher) {
    const bool is_pattern = matcher.op == rules::Matcher::Op::kMatches || matcher.op == rules::Matcher::Op::kNotMatches;
    return {plan_->fields.add(matcher.label), matcher.op, matcher.value, is_pattern ? compile_pattern(matcher.value) : nullptr};
  }

  int group_space(const std::vector<std::string>& by) {
    const uint64_t id = fnv1a(fmt::format("{}", fmt::join(by, "\xff")));
    for (size_t i = 0; i < plan_->group_spaces.size(); ++i) {
      if (plan_->group_spaces[i].id == id) return static_cast<int>(i);
    }
    plan_->group_spaces.push_back({id, by});
    return static_cast<int>(plan_->group_spaces.size()) - 1;
  }

  int view_of(const rules::Aggregate& aggregate) {
    std::vector<rules::Matcher> matchers = aggregate.matchers;
    std::sort(matchers.begin(), matchers.end());
    matchers.erase(std::unique(matchers.begin(), matchers.end()), matchers.end());
    const std::string description = rules::to_string(matchers) + " " + describe_by(rule_by_);
    const uint64_t id = fnv1a(description);
    if (const int known = plan_->find_view(id); known >= 0) return known;
    View view;
    view.id = id;
    view.description = description;
    for (const rules::Matcher& matcher : matchers) view.matchers.push_back(compile_matcher(matcher));
    view.by = rule_by_;
    for (const std::string& label : view.by) view.by_slots.push_back(plan_->fields.add(label));
    view.group_space = group_space(rule_by_);
    plan_->views.push_back(std::move(view));
    return static_cast<int>(plan_->views.size()) - 1;
  }

  // The view's pane is what divides all that its windows do; above it lie the ladder's steps up to the longest window. Panes no narrower
  // than a window's step are read at its tail, so they are kept for its length; the others until they are rolled up.
  void set_levels(int index) {
    View& view = plan_->views[static_cast<size_t>(index)];
    std::vector<const Window*> windows;
    for (const Window& window : plan_->windows) {
      if (window.view == index) windows.push_back(&window);
    }
    Duration longest{0};
    for (const Window* window : windows) {
      for (const int64_t part : {window->interval.ms, window->step.ms, window->offset.ms}) view.pane.ms = std::gcd(view.pane.ms, part);
      longest = std::max(longest, window->length);
    }
    view.levels.push_back({.width = view.pane, .retention = {}});
    for (const int64_t width : kLadderMs) {
      if (width > view.pane.ms && width % view.pane.ms == 0 && width <= longest.ms)
        view.levels.push_back({.width = {width}, .retention = {}});
    }
    for (size_t i = 1; i < view.levels.size(); ++i) {
      const auto keeps_below = [&view, i](const Window* window) { return view.levels[i - 1].width >= window->step; };
      view.levels[i].stores_sketches =
          view.levels[i].width != kPutTogetherLate || !std::all_of(windows.begin(), windows.end(), keeps_below);
    }
    for (size_t i = 0; i < view.levels.size(); ++i) {
      size_t rolled_up = i + 1;
      while (rolled_up < view.levels.size() && !view.levels[rolled_up].stores_sketches) ++rolled_up;
      const Duration next = view.levels[rolled_up < view.levels.size() ? rolled_up : i].width;
      for (const Window* window : windows) {
        Duration reach = window->offset + window->interval + next;
        if (view.levels[i].width >= window->step) reach = reach + window->length + window->step;
        view.levels[i].retention = std::max(view.levels[i].retention, reach);
      }
    }
  }

  static std::vector<int> windows_of(const Program& program) {
    std::set<int> windows;
    for (const AggregateRef& aggregate : program.aggregates) windows.insert(aggregate.window);
    return {windows.begin(), windows.end()};
  }

  PlanOptions options_;
  std::shared_ptr<Plan> plan_;
  std::vector<std::string> rule_by_;  // of the rule at hand, sorted
  Duration rule_interval_;
};

}  // namespace

bool SlotMatcher::matches(std::string_view text) const {
  switch (op) {
    case rules::Matcher::Op::kEqual: return text == value;
    case rules::Matcher::Op::kNotEqual: return text != value;
    case rules::Matcher::Op::kMatches: return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern);
    case rules::Matcher::Op::kNotMatches: return !re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern);
  }
  return false;
}

int Plan::find_view(uint64_t id) const {
  for (size_t i = 0; i < views.size(); ++i) {
    if (views[i].id == id) return static_cast<int>(i);
  }
  return -1;
}

bool Plan::matches(const rules::Matcher& matcher, std::string_view text) const {
  const int slot = fields.find(matcher.label);
  for (const SlotMatcher& compiled : predicate_matchers) {
    if (compiled.slot == slot && compiled.op == matcher.op && compiled.value == matcher.value) return compiled.matches(text);
  }
  TOCSIN_CHECK(false, "a predicate's matcher was not compiled");
  return false;
}

Duration tail_step(Duration window, Duration resolution) {
  const int64_t limit = std::max(resolution.ms, window.ms / 300);
  Duration step = resolution;
  for (const int64_t width : kLadderMs) {
    if (width > step.ms && width <= limit) step.ms = width;
  }
  return step;
}

std::shared_ptr<const Plan> compile_plan(const rules::RuleSet& rules, const PlanOptions& options) {
  PlanBuilder builder(options);
  for (const rules::AlertRule& rule : rules.rules) {
    if (rule.enabled) builder.declare(rule);
  }
  builder.complete_views();
  for (const rules::AlertRule& rule : rules.rules) {
    if (rule.enabled) builder.compile(rule);
  }
  return builder.finish();
}

}  // namespace tocsin
