#include "operators/predicate.h"

#include <algorithm>

#include "engine/base/hash.h"
#include "operators/event/event.h"
#include "operators/rules/big_integer.h"
#include "operators/rules/printer.h"

namespace tocsin {
namespace {

using rules::CompareOp;
using rules::Predicate;
using rules::Rational;

constexpr int64_t kAboveEverything = int64_t{1} << 60;

int64_t to_threshold(const rules::Integer& value) {
  if (value > kAboveEverything) return kAboveEverything;
  if (value < -1) return -1;  // every latency is above
  return static_cast<int64_t>(value);
}

void collect_cuts(const Predicate& predicate, std::vector<int64_t>& cuts) {
  if (predicate.kind == Predicate::Kind::kLatency) {
    cuts.push_back(threshold_above(predicate.constant));
    cuts.push_back(threshold_at_least(predicate.constant));
  }
  for (const Predicate& child : predicate.children) collect_cuts(child, cuts);
}

bool compare_latency(const Predicate& predicate, int64_t latency_us) {
  const bool above = latency_us > threshold_above(predicate.constant);
  const bool at_least = latency_us > threshold_at_least(predicate.constant);
  switch (predicate.op) {
    case CompareOp::kLess: return !at_least;
    case CompareOp::kLessEqual: return !above;
    case CompareOp::kGreater: return above;
    case CompareOp::kGreaterEqual: return at_least;
    case CompareOp::kEqual: return at_least && !above;
    case CompareOp::kNotEqual: return !at_least || above;
  }
  return false;
}

// Two-valued: a comparison with an absent latency is false, its `not` true (SPEC 3.1).
bool holds(const Predicate& predicate, bool success, const std::optional<int64_t>& latency_us, const EventPredicate::MatcherCheck& check) {
  const auto child = [&](size_t i) { return holds(predicate.children[i], success, latency_us, check); };
  switch (predicate.kind) {
    case Predicate::Kind::kSuccess: return success;
    case Predicate::Kind::kLatency: return latency_us.has_value() && compare_latency(predicate, *latency_us);
    case Predicate::Kind::kValue: return false;  // requests have no value
    case Predicate::Kind::kMatchers: return std::all_of(predicate.matchers.begin(), predicate.matchers.end(), check);
    case Predicate::Kind::kAnd: return child(0) && child(1);
    case Predicate::Kind::kOr: return child(0) || child(1);
    case Predicate::Kind::kNot: return !child(0);
  }
  return false;
}

}  // namespace

std::vector<uint64_t> ids_of(const std::vector<EventPredicate>& predicates) {
  std::vector<uint64_t> ids;
  ids.reserve(predicates.size());
  for (const EventPredicate& predicate : predicates) ids.push_back(predicate.id());
  return ids;
}

int64_t threshold_above(const Rational& milliseconds) { return to_threshold(rules::floor(milliseconds * 1000)); }

int64_t threshold_at_least(const Rational& milliseconds) {
  return to_threshold(-rules::floor(-(milliseconds * 1000)) - 1);  // ceiling - 1
}

bool LatencyCondition::holds(uint64_t latency_us) const {
  if (latency_us == kNoLatency) return truth_without_latency;
  const auto cut = std::lower_bound(cuts.begin(), cuts.end(), static_cast<int64_t>(latency_us));
  return truth[static_cast<size_t>(cut - cuts.begin())];
}

EventPredicate::EventPredicate(Predicate predicate) : predicate_(std::make_shared<const Predicate>(std::move(predicate))) {
  collect_cuts(*predicate_, cuts_);
  std::sort(cuts_.begin(), cuts_.end());
  cuts_.erase(std::unique(cuts_.begin(), cuts_.end()), cuts_.end());
  id_ = fnv1a(rules::to_string(*predicate_));
}

LatencyCondition EventPredicate::resolve(bool success, const MatcherCheck& check) const {
  LatencyCondition condition;
  condition.cuts = cuts_;
  // Between two cuts the truth is constant, so one latency stands for each interval: its upper end, or the first one above all cuts.
  for (const int64_t cut : cuts_) condition.truth.push_back(tocsin::holds(*predicate_, success, cut, check));
  condition.truth.push_back(tocsin::holds(*predicate_, success, cuts_.empty() ? 0 : cuts_.back() + 1, check));
  condition.truth_without_latency = tocsin::holds(*predicate_, success, std::nullopt, check);
  return condition;
}

}  // namespace tocsin
