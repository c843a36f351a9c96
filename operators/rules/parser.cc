#include "operators/rules/parser.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "operators/rules/aggregate_parser.h"
#include "operators/rules/predicate_parser.h"
#include "operators/rules/printer.h"
#include "operators/rules/token_stream.h"

namespace tocsin::rules {
namespace {

constexpr std::string_view kOperand = "a number, an aggregate such as error_rate[5m], '-' or '('";

// The levels of precedence, loosest first; each returns nothing after noting a failure in the stream.
class ExpressionReader {
 public:
  explicit ExpressionReader(TokenStream& tokens) : tokens_(tokens) {}

  std::optional<Expr> read_or() {
    std::optional<Expr> left = read_and();
    while (left && tokens_.at_word("or")) {
      const Token& op = tokens_.take();
      left = join(Expr::Kind::kOr, op, std::move(left), read_and());
    }
    return left;
  }

 private:
  std::optional<Expr> read_and() {
    std::optional<Expr> left = read_not();
    while (left && tokens_.at_word("and")) {
      const Token& op = tokens_.take();
      left = join(Expr::Kind::kAnd, op, std::move(left), read_not());
    }
    return left;
  }

  std::optional<Expr> read_not() {
    if (!tokens_.at_word("not")) return read_compare();
    const TokenStream::Nesting nesting(tokens_);
    const Token& op = tokens_.take();
    return nesting.ok() ? prefix(Expr::Kind::kNot, op, read_not()) : std::nullopt;
  }

  std::optional<Expr> read_compare() {
    std::optional<Expr> left = read_sum();
    if (!left) return std::nullopt;
    const Token& token = tokens_.peek();
    const std::optional<CompareOp> op = accept_compare_op(tokens_);
    if (!op) return left;
    left = join(Expr::Kind::kCompare, token, std::move(left), read_sum());
    if (!left) return std::nullopt;
    left->compare_op = *op;
    const Token& next = tokens_.peek();
    if (accept_compare_op(tokens_)) return tokens_.fail(next, "comparisons do not chain; join two of them with 'and'");
    return left;
  }

  std::optional<Expr> read_sum() {
    std::optional<Expr> left = read_product();
    while (left && (tokens_.at_symbol("+") || tokens_.at_symbol("-"))) {
      const Token& op = tokens_.take();
      left = join(Expr::Kind::kArithmetic, op, std::move(left), read_product());
      if (left) left->arithmetic_op = op.text == "+" ? ArithmeticOp::kAdd : ArithmeticOp::kSubtract;
    }
    return left;
  }

  std::optional<Expr> read_product() {
    std::optional<Expr> left = read_unary();
    while (left && (tokens_.at_symbol("*") || tokens_.at_symbol("/"))) {
      const Token& op = tokens_.take();
      left = join(Expr::Kind::kArithmetic, op, std::move(left), read_unary());
      if (left) left->arithmetic_op = op.text == "*" ? ArithmeticOp::kMultiply : ArithmeticOp::kDivide;
    }
    return left;
  }

  std::optional<Expr> read_unary() {
    const Token& first = tokens_.peek();
    if (tokens_.at_symbol("-")) {
      const TokenStream::Nesting nesting(tokens_);
      tokens_.take();
      return nesting.ok() ? prefix(Expr::Kind::kNegate, first, read_unary()) : std::nullopt;
    }
    if (tokens_.at_symbol("(")) return read_parentheses();
    if (!tokens_.add_node(first)) return std::nullopt;
    if (first.kind == Token::Kind::kNumber) return read_number();
    if (tokens_.at_word("not")) return tokens_.fail(first, "'not' binds looser than comparison and arithmetic; put it in parentheses");
    const bool key_word = tokens_.at_word("and") || tokens_.at_word("or") || tokens_.at_word("offset");
    if (first.kind != Token::Kind::kName || key_word) return tokens_.fail_expected(kOperand);
    return read_leaf_aggregate();
  }

  std::optional<Expr> read_parentheses() {
    const TokenStream::Nesting nesting(tokens_);
    if (!nesting.ok()) return std::nullopt;
    tokens_.take();
    std::optional<Expr> inner = read_or();
    if (!inner || !tokens_.expect_symbol(")", "an operator or ')'")) return std::nullopt;
    return inner;
  }

  std::optional<Expr> read_number() {
    const Token& token = tokens_.take();
    Expr expr;
    expr.kind = Expr::Kind::kNumber;
    expr.number = token.number;
    expr.has_unit = token.has_unit;
    expr.position = tokens_.position(token);
    return expr;
  }

  std::optional<Expr> read_leaf_aggregate() {
    std::optional<Aggregate> aggregate = read_aggregate(tokens_);
    if (!aggregate) return std::nullopt;
    Expr expr;
    expr.kind = Expr::Kind::kAggregate;
    expr.position = aggregate->position;
    expr.aggregate = std::make_shared<const Aggregate>(*std::move(aggregate));
    return expr;
  }

  std::optional<Expr> prefix(Expr::Kind kind, const Token& op, std::optional<Expr> operand) {
    if (!operand || !tokens_.add_node(op)) return std::nullopt;
    Expr expr;
    expr.kind = kind;
    expr.position = tokens_.position(op);
    expr.children.push_back(*std::move(operand));
    return expr;
  }

  std::optional<Expr> join(Expr::Kind kind, const Token& op, std::optional<Expr> left, std::optional<Expr> right) {
    std::optional<Expr> expr = prefix(kind, op, std::move(left));
    if (!expr || !right) return std::nullopt;
    expr->children.push_back(*std::move(right));
    return expr;
  }

  TokenStream& tokens_;
};

// Reads the whole text with `read`; what is left over is a mistake.
template <typename T, typename Read>
Parsed<T> parse_whole(std::string_view text, const Locate& locate, std::string_view leftover, Read read) {
  TokenStream tokens(text, locate);
  if (tokens.failed()) return tokens.error();
  std::optional<T> tree = read(tokens);
  if (tree && !tokens.at_end()) tokens.fail_expected(leftover);
  if (tokens.failed()) return tokens.error();
  return *std::move(tree);
}

}  // namespace

Parsed<Expr> parse_expression(std::string_view text, const Locate& locate) {
  return parse_whole<Expr>(text, locate, "an operator or the end", [](TokenStream& tokens) { return ExpressionReader(tokens).read_or(); });
}

Parsed<Predicate> parse_predicate(std::string_view text, const Locate& locate) {
  return parse_whole<Predicate>(text, locate, "'and', 'or' or the end", read_predicate);
}

Parsed<std::vector<Matcher>> parse_selector(std::string_view text, const Locate& locate) {
  return parse_whole<std::vector<Matcher>>(text, locate, "the end", read_matchers);
}

}  // namespace tocsin::rules
