#pragma once

// Event predicates (the argument of count(...) and share(...)), split so that no event pays for them.
//
// Labels and success are the same for all events of a series, so for a series a predicate is a function of the latency alone: true on
// some intervals between the latency constants that it names, and true or false for events without a latency. At a flush the
// number of latencies in each interval comes from the sorted buffer.
//
// Thread: immutable.

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "operators/rules/ast.h"

namespace tocsin {

// A predicate as seen by one series.
struct LatencyCondition {
  // cuts[i] splits latencies into (cuts[i-1], cuts[i]]; truth has one entry more than cuts: the last is "above all cuts".
  std::vector<int64_t> cuts;
  std::vector<bool> truth;
  bool truth_without_latency = false;

  // `latency_us` may be kNoLatency, and is at most kLatencyMaxMicros otherwise.
  bool holds(uint64_t latency_us) const;
};

class EventPredicate {
 public:
  // Whether the matcher holds for the series, which it knows.
  using MatcherCheck = std::function<bool(const rules::Matcher&)>;

  explicit EventPredicate(rules::Predicate predicate);

  uint64_t id() const { return id_; }  // content hash of the canonical text
  // The predicate for a series with that success, whose matchers hold as `check` says.
  LatencyCondition resolve(bool success, const MatcherCheck& check) const;

 private:
  std::shared_ptr<const rules::Predicate> predicate_;
  std::vector<int64_t> cuts_;
  uint64_t id_ = 0;
};

std::vector<uint64_t> ids_of(const std::vector<EventPredicate>& predicates);

// The integer t with: latency_us > c  <=>  latency_us > t, for c = `milliseconds` in microseconds; and the one for >=. -1 if every
// latency passes; far beyond kLatencyMaxMicros if none does.
int64_t threshold_above(const rules::Rational& milliseconds);
int64_t threshold_at_least(const rules::Rational& milliseconds);

}  // namespace tocsin
