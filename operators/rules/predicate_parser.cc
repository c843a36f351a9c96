#include "operators/rules/predicate_parser.h"

#include <array>
#include <utility>

#include "operators/rules/printer.h"

namespace tocsin::rules {
namespace {

using Kind = Predicate::Kind;

std::optional<Predicate> read_or(TokenStream& tokens);

CompareOp turned_round(CompareOp op) {
  switch (op) {
    case CompareOp::kLess: return CompareOp::kGreater;
    case CompareOp::kLessEqual: return CompareOp::kGreaterEqual;
    case CompareOp::kGreater: return CompareOp::kLess;
    case CompareOp::kGreaterEqual: return CompareOp::kLessEqual;
    case CompareOp::kEqual:
    case CompareOp::kNotEqual: return op;
  }
  return op;
}

bool at_operand(const TokenStream& tokens) { return tokens.at_word("latency") || tokens.at_word("value"); }

Kind take_operand(TokenStream& tokens) { return tokens.take().text == "latency" ? Kind::kLatency : Kind::kValue; }

// ["-"] number
bool read_constant(TokenStream& tokens, Predicate& predicate) {
  const bool negative = tokens.accept_symbol("-");
  if (tokens.peek().kind != Token::Kind::kNumber) {
    tokens.fail_expected("a number");
    return false;
  }
  const Token& number = tokens.take();
  predicate.constant = negative ? Rational(-number.number) : number.number;
  predicate.has_unit = number.has_unit;
  return true;
}

// latency < 300ms, or 300ms > latency.
std::optional<Predicate> read_comparison(TokenStream& tokens) {
  Predicate predicate;
  const bool operand_first = at_operand(tokens);
  if (operand_first) {
    predicate.kind = take_operand(tokens);
  } else if (!read_constant(tokens, predicate)) {
    return std::nullopt;
  }
  const std::optional<CompareOp> op = accept_compare_op(tokens);
  if (!op) return tokens.fail_expected("a comparison such as latency < 300ms");
  predicate.op = operand_first ? *op : turned_round(*op);
  if (operand_first) {
    if (!read_constant(tokens, predicate)) return std::nullopt;
  } else {
    if (!at_operand(tokens)) return tokens.fail_expected("latency or value");
    predicate.kind = take_operand(tokens);
  }
  return predicate;
}

std::optional<Predicate> read_test(TokenStream& tokens) {
  if (!tokens.add_node(tokens.peek())) return std::nullopt;
  if (tokens.accept_symbol("(")) {
    const TokenStream::Nesting nesting(tokens);
    if (!nesting.ok()) return std::nullopt;
    std::optional<Predicate> inner = read_or(tokens);
    if (!inner || !tokens.expect_symbol(")", "'and', 'or' or ')'")) return std::nullopt;
    return inner;
  }
  if (tokens.at_symbol("{")) {
    std::optional<std::vector<Matcher>> matchers = read_matchers(tokens);
    if (!matchers) return std::nullopt;
    Predicate predicate;
    predicate.kind = Kind::kMatchers;
    predicate.matchers = *std::move(matchers);
    return predicate;
  }
  if (tokens.accept_word("success")) return Predicate{};
  const bool comparison = at_operand(tokens) || tokens.at_symbol("-") || tokens.peek().kind == Token::Kind::kNumber;
  if (!comparison) return tokens.fail_expected("an event predicate (success, latency < 300ms, value > 1, {label=\"x\"})");
  return read_comparison(tokens);
}

std::optional<Predicate> read_not(TokenStream& tokens) {
  if (!tokens.at_word("not")) return read_test(tokens);
  const TokenStream::Nesting nesting(tokens);
  if (!nesting.ok() || !tokens.add_node(tokens.take())) return std::nullopt;
  std::optional<Predicate> operand = read_not(tokens);
  if (!operand) return std::nullopt;
  Predicate predicate;
  predicate.kind = Kind::kNot;
  predicate.children.push_back(*std::move(operand));
  return predicate;
}

// next { word next }, leaning to the left.
std::optional<Predicate> read_chain(TokenStream& tokens, std::string_view word, Kind kind, std::optional<Predicate> (*next)(TokenStream&)) {
  std::optional<Predicate> left = next(tokens);
  while (left && tokens.at_word(word)) {
    if (!tokens.add_node(tokens.take())) return std::nullopt;
    std::optional<Predicate> right = next(tokens);
    if (!right) return std::nullopt;
    Predicate both;
    both.kind = kind;
    both.children.push_back(*std::move(left));
    both.children.push_back(*std::move(right));
    left = std::move(both);
  }
  return left;
}

std::optional<Predicate> read_and(TokenStream& tokens) { return read_chain(tokens, "and", Kind::kAnd, read_not); }
std::optional<Predicate> read_or(TokenStream& tokens) { return read_chain(tokens, "or", Kind::kOr, read_and); }

bool mentions(const Predicate& predicate, Kind kind) {
  if (predicate.kind == kind) return true;
  for (const Predicate& child : predicate.children) {
    if (mentions(child, kind)) return true;
  }
  return false;
}

std::optional<Matcher> read_matcher(TokenStream& tokens) {
  const Token& name = tokens.peek();
  if (name.kind != Token::Kind::kName && name.kind != Token::Kind::kString) return tokens.fail_expected("a label name or '}'");
  Matcher matcher;
  matcher.label = name.kind == Token::Kind::kName ? std::string(name.text) : name.value;
  if (matcher.label.empty()) return tokens.fail(name, "a label's name is not empty");
  tokens.take();
  constexpr std::array<Matcher::Op, 4> kOps = {Matcher::Op::kEqual, Matcher::Op::kNotEqual, Matcher::Op::kMatches,
                                               Matcher::Op::kNotMatches};
  bool found = false;
  for (const Matcher::Op op : kOps) {
    if (!tokens.accept_symbol(to_string(op))) continue;
    matcher.op = op;
    found = true;
    break;
  }
  if (!found) return tokens.fail_expected("one of = != =~ !~");
  if (tokens.peek().kind != Token::Kind::kString) return tokens.fail_expected("a string in quotes");
  matcher.value = tokens.take().value;
  return matcher;
}

}  // namespace

std::optional<CompareOp> accept_compare_op(TokenStream& tokens) {
  constexpr std::array<CompareOp, 6> kOps = {CompareOp::kLess,         CompareOp::kLessEqual, CompareOp::kGreater,
                                             CompareOp::kGreaterEqual, CompareOp::kEqual,     CompareOp::kNotEqual};
  for (const CompareOp op : kOps) {
    if (tokens.accept_symbol(to_string(op))) return op;
  }
  return std::nullopt;
}

std::optional<std::vector<Matcher>> read_matchers(TokenStream& tokens) {
  if (!tokens.expect_symbol("{", "matchers such as {domain=\"chat\"}")) return std::nullopt;
  std::vector<Matcher> matchers;
  while (!tokens.accept_symbol("}")) {
    if (!tokens.add_node(tokens.peek())) return std::nullopt;
    std::optional<Matcher> matcher = read_matcher(tokens);
    if (!matcher) return std::nullopt;
    matchers.push_back(*std::move(matcher));
    if (tokens.accept_symbol(",")) continue;
    if (!tokens.expect_symbol("}", "',' or '}'")) return std::nullopt;
    break;
  }
  return matchers;
}

std::optional<Predicate> read_predicate(TokenStream& tokens) {
  const Token& first = tokens.peek();
  std::optional<Predicate> predicate = read_or(tokens);
  if (!predicate) return std::nullopt;
  if (mentions(*predicate, Kind::kValue) && (mentions(*predicate, Kind::kLatency) || mentions(*predicate, Kind::kSuccess))) {
    return tokens.fail(first, "a predicate on value is over measurements and may not mention latency or success");
  }
  return predicate;
}

}  // namespace tocsin::rules
