#include "operators/rules/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "operators/rules/big_integer.h"
#include "operators/rules/lexer.h"

namespace tocsin::rules {
namespace {

bool is_bare_name(std::string_view name) {
  // "success" in an argument is a predicate, so a metric of that name has to be quoted; so have the key words.
  for (const std::string_view reserved : {"success", "and", "or", "not", "offset"}) {
    if (name == reserved) return false;
  }
  return !name.empty() && is_name_start(name.front()) && std::all_of(name.begin(), name.end(), is_name_byte);
}

// How often `factor` divides `number`, which is divided by it.
int take_out(Integer& number, int factor) {
  int times = 0;
  while (number % factor == 0) {
    number /= factor;
    ++times;
  }
  return times;
}

// A truth or sign operator, or a lone name, stands alone; everything else gets parentheses as an operand.
bool needs_parentheses(const Expr& expr) {
  if (expr.kind == Expr::Kind::kNumber) return expr.number < 0;
  return expr.kind != Expr::Kind::kAggregate;
}

std::string operand(const Expr& expr) { return needs_parentheses(expr) ? "(" + to_string(expr) + ")" : to_string(expr); }

std::string operand(const Predicate& predicate) {
  const bool stands_alone = predicate.kind == Predicate::Kind::kSuccess || predicate.kind == Predicate::Kind::kMatchers;
  return stands_alone ? to_string(predicate) : "(" + to_string(predicate) + ")";
}

std::string argument_of(const Aggregate& aggregate) {
  switch (aggregate.kind) {
    case AggregateKind::kCountIf:
    case AggregateKind::kShare: return "(" + to_string(*aggregate.predicate) + ")";
    case AggregateKind::kQuantile:
      return "(" + to_string(aggregate.quantile) + (aggregate.metric ? ", " + quoted_name(*aggregate.metric) : "") + ")";
    case AggregateKind::kDistinct: return "(" + quoted_name(aggregate.argument) + ")";
    case AggregateKind::kBurnRate:
    case AggregateKind::kBudgetRemaining: return "(" + quote(aggregate.argument) + ")";
    default: return aggregate.metric ? "(" + quoted_name(*aggregate.metric) + ")" : "";
  }
}

}  // namespace

std::string_view to_string(CompareOp op) {
  switch (op) {
    case CompareOp::kLess: return "<";
    case CompareOp::kLessEqual: return "<=";
    case CompareOp::kGreater: return ">";
    case CompareOp::kGreaterEqual: return ">=";
    case CompareOp::kEqual: return "==";
    case CompareOp::kNotEqual: return "!=";
  }
  return "";
}

std::string_view to_string(ArithmeticOp op) {
  switch (op) {
    case ArithmeticOp::kAdd: return "+";
    case ArithmeticOp::kSubtract: return "-";
    case ArithmeticOp::kMultiply: return "*";
    case ArithmeticOp::kDivide: return "/";
  }
  return "";
}

std::string_view to_string(Matcher::Op op) {
  switch (op) {
    case Matcher::Op::kEqual: return "=";
    case Matcher::Op::kNotEqual: return "!=";
    case Matcher::Op::kMatches: return "=~";
    case Matcher::Op::kNotMatches: return "!~";
  }
  return "";
}

std::string_view to_string(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::kCount:
    case AggregateKind::kCountIf: return "count";
    case AggregateKind::kRate: return "rate";
    case AggregateKind::kErrors: return "errors";
    case AggregateKind::kErrorRate: return "error_rate";
    case AggregateKind::kSuccessRate: return "success_rate";
    case AggregateKind::kShare: return "share";
    case AggregateKind::kQuantile: return "quantile";
    case AggregateKind::kAvg: return "avg";
    case AggregateKind::kMin: return "min";
    case AggregateKind::kMax: return "max";
    case AggregateKind::kSum: return "sum";
    case AggregateKind::kLast: return "last";
    case AggregateKind::kDistinct: return "distinct";
    case AggregateKind::kAbsent: return "absent";
    case AggregateKind::kBurnRate: return "burn_rate";
    case AggregateKind::kBudgetRemaining: return "budget_remaining";
  }
  return "";
}

std::string to_string(const Rational& number) {
  Integer rest = denominator(number);
  const int twos = take_out(rest, 2);
  const int fives = take_out(rest, 5);
  if (rest != 1) return number.value().fraction.str();
  const int digits = std::max(twos, fives);
  if (digits == 0) return numerator(number).str();
  const Integer scale = boost::multiprecision::pow(Integer(10), static_cast<unsigned>(digits));
  std::string text = Integer(abs(numerator(number)) * (scale / denominator(number))).str();
  const size_t width = static_cast<size_t>(digits);
  if (text.size() <= width) text.insert(0, width + 1 - text.size(), '0');
  text.insert(text.size() - width, ".");
  return number < 0 ? "-" + text : text;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string quoted_name(std::string_view name) { return is_bare_name(name) ? std::string(name) : quote(name); }

std::string to_string(const Matcher& matcher) {
  return fmt::format("{}{}{}", quoted_name(matcher.label), to_string(matcher.op), quote(matcher.value));
}

std::string to_string(const std::vector<Matcher>& matchers) {
  std::string text = "{";
  for (const Matcher& matcher : matchers) {
    if (text.size() > 1) text += ',';
    text += to_string(matcher);
  }
  return text + '}';
}

std::string to_string(const Predicate& predicate) {
  switch (predicate.kind) {
    case Predicate::Kind::kSuccess: return "success";
    case Predicate::Kind::kLatency: return fmt::format("latency {} {}", to_string(predicate.op), to_string(predicate.constant));
    case Predicate::Kind::kValue: return fmt::format("value {} {}", to_string(predicate.op), to_string(predicate.constant));
    case Predicate::Kind::kMatchers: return to_string(predicate.matchers);
    case Predicate::Kind::kAnd: return operand(predicate.children[0]) + " and " + operand(predicate.children[1]);
    case Predicate::Kind::kOr: return operand(predicate.children[0]) + " or " + operand(predicate.children[1]);
    case Predicate::Kind::kNot: return "not " + operand(predicate.children[0]);
  }
  return "";
}

std::string to_string(const Aggregate& aggregate) {
  std::string text(to_string(aggregate.kind));
  text += argument_of(aggregate);
  if (!aggregate.matchers.empty()) text += to_string(aggregate.matchers);
  // The window of budget_remaining is its SLO's.
  if (aggregate.kind != AggregateKind::kBudgetRemaining) text += "[" + format_duration(aggregate.window) + "]";
  if (aggregate.offset.ms != 0) text += " offset " + format_duration(aggregate.offset);
  return text;
}

std::string to_string(const Expr& expr) {
  const auto infix = [&](std::string_view op) { return fmt::format("{} {} {}", operand(expr.children[0]), op, operand(expr.children[1])); };
  switch (expr.kind) {
    case Expr::Kind::kNumber: return to_string(expr.number);
    case Expr::Kind::kAggregate: return to_string(*expr.aggregate);
    case Expr::Kind::kNegate: return "-" + operand(expr.children[0]);
    case Expr::Kind::kArithmetic: return infix(to_string(expr.arithmetic_op));
    case Expr::Kind::kCompare: return infix(to_string(expr.compare_op));
    case Expr::Kind::kNot: return "not " + operand(expr.children[0]);
    case Expr::Kind::kAnd: return infix("and");
    case Expr::Kind::kOr: return infix("or");
  }
  return "";
}

}  // namespace tocsin::rules
