#include "operators/rules/aggregate_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "engine/base/yaml/suggest.h"
#include "operators/rules/predicate_parser.h"

namespace tocsin::rules {
namespace {

// What may stand in the parentheses.
enum class Argument { kNone, kMetric, kNeedsMetric, kMetricOrPredicate, kPredicate, kQuantile, kLabel, kSlo };

struct Definition {
  std::string_view name;
  AggregateKind kind;
  Argument argument;
  int quantile_permille = 0;
};

constexpr std::array<Definition, 21> kDefinitions = {{
    {"count", AggregateKind::kCount, Argument::kMetricOrPredicate},
    {"rate", AggregateKind::kRate, Argument::kMetric},
    {"errors", AggregateKind::kErrors, Argument::kNone},
    {"error_rate", AggregateKind::kErrorRate, Argument::kNone},
    {"success_rate", AggregateKind::kSuccessRate, Argument::kNone},
    {"share", AggregateKind::kShare, Argument::kPredicate},
    {"p50", AggregateKind::kQuantile, Argument::kMetric, 500},
    {"p90", AggregateKind::kQuantile, Argument::kMetric, 900},
    {"p95", AggregateKind::kQuantile, Argument::kMetric, 950},
    {"p99", AggregateKind::kQuantile, Argument::kMetric, 990},
    {"p999", AggregateKind::kQuantile, Argument::kMetric, 999},
    {"quantile", AggregateKind::kQuantile, Argument::kQuantile},
    {"avg", AggregateKind::kAvg, Argument::kMetric},
    {"min", AggregateKind::kMin, Argument::kMetric},
    {"max", AggregateKind::kMax, Argument::kMetric},
    {"sum", AggregateKind::kSum, Argument::kMetric},
    {"last", AggregateKind::kLast, Argument::kNeedsMetric},
    {"distinct", AggregateKind::kDistinct, Argument::kLabel},
    {"absent", AggregateKind::kAbsent, Argument::kMetric},
    {"burn_rate", AggregateKind::kBurnRate, Argument::kSlo},
    {"budget_remaining", AggregateKind::kBudgetRemaining, Argument::kSlo},
}};

// What the digits of p75, p9999, p5 and p100 mean.
std::string quantile_of(std::string_view digits) {
  if (digits == "100") return "1";
  return fmt::format("0.{}{}", digits.size() == 1 ? "0" : "", digits);
}

std::string unknown_aggregate(std::string_view name) {
  const std::string_view digits = name.substr(1);
  const bool all_digits = std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  const bool percentile = name.starts_with('p') && !digits.empty() && digits.size() <= 6 && all_digits;
  if (percentile) return fmt::format("unknown aggregate '{}'; write quantile({})", name, quantile_of(digits));
  std::vector<std::string_view> names;
  names.reserve(std::size(kDefinitions));
  for (const Definition& definition : kDefinitions) names.push_back(definition.name);
  return fmt::format("unknown aggregate '{}'{}", name, did_you_mean(name, names));
}

// Reads one aggregate; a failed read leaves `aggregate_` as it is at that point.
class AggregateReader {
 public:
  explicit AggregateReader(TokenStream& tokens) : tokens_(tokens) {}

  std::optional<Aggregate> read() {
    const Token& name = tokens_.take();
    const auto* definition =
        std::find_if(kDefinitions.begin(), kDefinitions.end(), [&](const Definition& d) { return d.name == name.text; });
    if (definition == kDefinitions.end()) return tokens_.fail(name, unknown_aggregate(name.text));
    name_ = definition->name;
    aggregate_.kind = definition->kind;
    aggregate_.quantile = Rational(definition->quantile_permille, 1000);
    aggregate_.position = tokens_.position(name);
    if (!argument(definition->argument) || !matchers() || !window() || !offset()) return std::nullopt;
    return std::move(aggregate_);
  }

 private:
  bool fail(const Token& at, std::string message) {
    tokens_.fail(at, std::move(message));
    return false;
  }
  bool fail_expected(std::string_view what) {
    tokens_.fail_expected(what);
    return false;
  }

  bool is_slo() const { return aggregate_.kind == AggregateKind::kBurnRate || aggregate_.kind == AggregateKind::kBudgetRemaining; }

  bool argument(Argument form) {
    const bool required = form != Argument::kNone && form != Argument::kMetric && form != Argument::kMetricOrPredicate;
    const Token& open = tokens_.peek();
    if (!tokens_.accept_symbol("(")) return !required || fail_expected(fmt::format("'(' and the argument of {}", name_));
    if (form == Argument::kNone) return fail(open, fmt::format("'{}' takes no argument", name_));
    const TokenStream::Nesting nesting(tokens_);
    if (!nesting.ok() || !content(form)) return false;
    return tokens_.expect_symbol(")", "')'");
  }

  bool content(Argument form) {
    switch (form) {
      case Argument::kNone: return true;
      case Argument::kMetric:
      case Argument::kNeedsMetric: return metric();
      case Argument::kMetricOrPredicate:
      case Argument::kPredicate: return metric_or_predicate(form);
      case Argument::kQuantile: return quantile();
      case Argument::kLabel: return name_or_string("a label's name", aggregate_.argument);
      case Argument::kSlo: return slo();
    }
    return false;
  }

  bool metric() { return name_or_string("a metric's name", aggregate_.metric.emplace()); }

  // A lone name is a metric, except `success` (SPEC 3.1); a lone string is one, too.
  bool metric_or_predicate(Argument form) {
    const Token& first = tokens_.peek();
    const bool lone = tokens_.at_symbol(")", 1) && (first.kind == Token::Kind::kString || first.kind == Token::Kind::kName);
    if (lone && !tokens_.at_word("success")) {
      if (form == Argument::kPredicate) return fail(first, "'share' takes an event predicate such as latency < 300ms, no metric");
      return metric();
    }
    aggregate_.predicate = read_predicate(tokens_);
    if (!aggregate_.predicate) return false;
    if (aggregate_.kind == AggregateKind::kCount) aggregate_.kind = AggregateKind::kCountIf;
    return true;
  }

  bool quantile() {
    const Token& first = tokens_.peek();
    const bool negative = tokens_.accept_symbol("-");
    if (tokens_.peek().kind != Token::Kind::kNumber) return fail_expected("a quantile from 0 to 1");
    const Token& number = tokens_.take();
    if (number.has_unit) return fail(number, "a quantile is a number from 0 to 1, no duration");
    aggregate_.quantile = negative ? Rational(-number.number) : number.number;
    if (aggregate_.quantile < 0 || aggregate_.quantile > 1) return fail(first, "a quantile lies from 0 to 1; the 99th percentile is 0.99");
    return !tokens_.accept_symbol(",") || metric();
  }

  bool slo() {
    if (tokens_.peek().kind != Token::Kind::kString) return fail_expected("the name of an SLO in quotes");
    aggregate_.argument = tokens_.take().value;
    return true;
  }

  bool name_or_string(std::string_view what, std::string& out) {
    const Token& token = tokens_.peek();
    if (token.kind == Token::Kind::kName) {
      out = token.text;
    } else if (token.kind == Token::Kind::kString) {
      out = token.value;
    } else {
      return fail_expected(what);
    }
    if (out.empty()) return fail(token, fmt::format("{} is not empty", what));
    tokens_.take();
    return true;
  }

  bool matchers() {
    const Token& open = tokens_.peek();
    if (!tokens_.at_symbol("{")) return true;
    if (is_slo()) return fail(open, fmt::format("'{}' takes no matchers: those of its SLO hold", name_));
    std::optional<std::vector<Matcher>> matchers = read_matchers(tokens_);
    if (!matchers) return false;
    aggregate_.matchers = *std::move(matchers);
    return true;
  }

  bool window() {
    const Token& open = tokens_.peek();
    if (aggregate_.kind == AggregateKind::kBudgetRemaining) {
      return !tokens_.at_symbol("[") || fail(open, "'budget_remaining' takes no window: it is over that of its SLO");
    }
    if (!tokens_.expect_symbol("[", "a window such as [5m]")) return false;
    if (!duration("a window such as 5m", aggregate_.window) || !tokens_.expect_symbol("]", "']'")) return false;
    return !tokens_.at_symbol("{") || fail(tokens_.peek(), "matchers stand before the window");
  }

  bool offset() {
    if (!tokens_.accept_word("offset")) return true;
    const Token& number = tokens_.peek();
    if (!duration("an offset such as 1d", aggregate_.offset)) return false;
    return aggregate_.offset.ms > 0 || fail(number, "an offset is greater than 0");
  }

  bool duration(std::string_view what, Duration& out) {
    const Token& number = tokens_.peek();
    if (number.kind != Token::Kind::kNumber) return fail_expected(what);
    if (!number.has_unit && number.number != 0) {
      return fail(number, fmt::format("expected {}, found '{}' without a unit", what, number.text));
    }
    const std::optional<Duration> parsed = parse_duration(number.text);
    if (!parsed) return fail(number, fmt::format("expected {}, found '{}', no whole number of milliseconds", what, number.text));
    out = *parsed;
    tokens_.take();
    return true;
  }

  TokenStream& tokens_;
  std::string_view name_;
  Aggregate aggregate_;
};

}  // namespace

std::optional<Aggregate> read_aggregate(TokenStream& tokens) { return AggregateReader(tokens).read(); }

}  // namespace tocsin::rules
