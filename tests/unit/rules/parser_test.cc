#include "operators/rules/parser.h"

#include <gtest/gtest.h>

#include "operators/rules/printer.h"

namespace tocsin::rules {
namespace {

// The canonical text of what was parsed, which shows the tree by its parentheses; or the error.
std::string canonical(std::string_view text) {
  const Parsed<Expr> parsed = parse_expression(text);
  if (!parsed.ok()) {
    const ParseError& error = parsed.error();
    return std::to_string(error.position.line) + ":" + std::to_string(error.position.column) + ": " + error.message;
  }
  std::string printed = to_string(parsed.value());
  const Parsed<Expr> again = parse_expression(printed);
  EXPECT_TRUE(again.ok()) << printed;
  EXPECT_EQ(again.ok() ? to_string(again.value()) : "", printed);
  return printed;
}

Aggregate aggregate(std::string_view text) {
  const Parsed<Expr> parsed = parse_expression(text);
  EXPECT_TRUE(parsed.ok()) << text << ": " << (parsed.ok() ? "" : parsed.error().message);
  if (!parsed.ok() || !parsed.value().aggregate) return {};
  return *parsed.value().aggregate;
}

TEST(Parser, PrecedenceLoosestFirst) {
  EXPECT_EQ(canonical("count[5m] > 1 or count[5m] > 2 and not count[5m] > 3"),
            "(count[5m] > 1) or ((count[5m] > 2) and (not (count[5m] > 3)))");
  EXPECT_EQ(canonical("1 + 2 * 3 - 4 / 5 < -6 * 7"), "((1 + (2 * 3)) - (4 / 5)) < ((-6) * 7)");
  EXPECT_EQ(canonical("1 - 2 - 3"), "(1 - 2) - 3");
  EXPECT_EQ(canonical("8 / 4 / 2"), "(8 / 4) / 2");
  EXPECT_EQ(canonical("(1 - (2 - 3))"), "1 - (2 - 3)");
  EXPECT_EQ(canonical("not not 1 < 2"), "not (not (1 < 2))");
  EXPECT_EQ(canonical("- - 1"), "-(-1)");
  EXPECT_EQ(canonical("-count[5m] < -2"), "(-count[5m]) < (-2)");
  EXPECT_EQ(canonical("1 or 0 or 1"), "(1 or 0) or 1");
}

TEST(Parser, ComparisonsDoNotChain) {
  EXPECT_EQ(canonical("1 < count[5m] < 3"), "1:15: comparisons do not chain; join two of them with 'and'");
  EXPECT_EQ(canonical("(1 < 2) == 1"), "(1 < 2) == 1");  // the loader refuses it by type
}

TEST(Parser, EveryAggregateHasItsForm) {
  EXPECT_EQ(aggregate("count[5m]").kind, AggregateKind::kCount);
  EXPECT_EQ(aggregate("rate[5m]").kind, AggregateKind::kRate);
  EXPECT_EQ(aggregate("errors[5m]").kind, AggregateKind::kErrors);
  EXPECT_EQ(aggregate("error_rate[5m]").kind, AggregateKind::kErrorRate);
  EXPECT_EQ(aggregate("success_rate[5m]").kind, AggregateKind::kSuccessRate);
  EXPECT_EQ(aggregate("avg[5m]").kind, AggregateKind::kAvg);
  EXPECT_EQ(aggregate("min[5m]").kind, AggregateKind::kMin);
  EXPECT_EQ(aggregate("max[5m]").kind, AggregateKind::kMax);
  EXPECT_EQ(aggregate("sum[5m]").kind, AggregateKind::kSum);
  EXPECT_EQ(aggregate("absent[5m]").kind, AggregateKind::kAbsent);
  EXPECT_EQ(aggregate("p50[5m]").quantile, Rational(1, 2));
  EXPECT_EQ(aggregate("p90[5m]").quantile, Rational(9, 10));
  EXPECT_EQ(aggregate("p95[5m]").quantile, Rational(19, 20));
  EXPECT_EQ(aggregate("p99[5m]").quantile, Rational(99, 100));
  EXPECT_EQ(aggregate("p999[5m]").quantile, Rational(999, 1000));
  EXPECT_EQ(aggregate("quantile(0.75)[5m]").quantile, Rational(3, 4));
  EXPECT_EQ(aggregate("quantile(99%)[5m]").quantile, Rational(99, 100));
  EXPECT_EQ(aggregate("distinct(actor_id)[5m]").argument, "actor_id");
  EXPECT_EQ(aggregate("distinct(\"k8s/pod\")[5m]").argument, "k8s/pod");
  EXPECT_EQ(aggregate("burn_rate(\"slo one\")[1h]").argument, "slo one");
  EXPECT_EQ(aggregate("budget_remaining('s')").kind, AggregateKind::kBudgetRemaining);
}

TEST(Parser, MetricFormsNameTheMetric) {
  for (const std::string name : {"count", "rate", "p95", "avg", "min", "max", "sum", "last", "absent"}) {
    EXPECT_EQ(aggregate(name + "(cpu.load)[5m]").metric, "cpu.load") << name;
    EXPECT_EQ(aggregate(name + "(\"a b\")[5m]").metric, "a b") << name;
  }
  EXPECT_EQ(aggregate("quantile(0.9, temp)[5m]").metric, "temp");
  EXPECT_FALSE(aggregate("count[5m]").metric.has_value());
}

TEST(Parser, InCountALoneNameIsAMetricExceptSuccess) {
  EXPECT_EQ(aggregate("count(latency)[5m]").metric, "latency");
  EXPECT_EQ(aggregate("count(success)[5m]").kind, AggregateKind::kCountIf);
  EXPECT_EQ(aggregate("count(\"success\")[5m]").metric, "success");
  EXPECT_EQ(canonical("count(\"success\")[5m]"), "count(\"success\")[5m]");
  EXPECT_EQ(aggregate("count((success))[5m]").kind, AggregateKind::kCountIf);
  EXPECT_EQ(aggregate("share(success)[5m]").kind, AggregateKind::kShare);
  EXPECT_EQ(canonical("share(temp)[5m]"), "1:7: 'share' takes an event predicate such as latency < 300ms, no metric");
}

TEST(Parser, PredicatesFollowTheSamePrecedence) {
  EXPECT_EQ(canonical("count(success and latency < 300ms or not {level=\"ERROR\"})[1m]"),
            "count((success and (latency < 300)) or (not {level=\"ERROR\"}))[1m]");
  EXPECT_EQ(canonical("count(not latency < 20ms)[1m]"), "count(not (latency < 20))[1m]");
  EXPECT_EQ(canonical("count(300ms < latency)[1m]"), "count(latency > 300)[1m]");
  EXPECT_EQ(canonical("count(1s >= latency)[1m]"), "count(latency <= 1000)[1m]");
  EXPECT_EQ(canonical("share(value > -5){metric=\"m\"}[1m]"), "share(value > -5){metric=\"m\"}[1m]");
  EXPECT_EQ(canonical("share(value > 5 and success)[1m]"),
            "1:7: a predicate on value is over measurements and may not mention latency or success");
}

TEST(Parser, MatchersTakeQuotedNamesAndAllOperators) {
  const Aggregate a = aggregate(R"(count{domain="chat", "k8s/pod"!="x", region=~`eu\..*`, version!~'v1|v2',}[5m])");
  ASSERT_EQ(a.matchers.size(), 4U);
  EXPECT_EQ(a.matchers[0], (Matcher{"domain", Matcher::Op::kEqual, "chat"}));
  EXPECT_EQ(a.matchers[1], (Matcher{"k8s/pod", Matcher::Op::kNotEqual, "x"}));
  EXPECT_EQ(a.matchers[2], (Matcher{"region", Matcher::Op::kMatches, "eu\\..*"}));
  EXPECT_EQ(a.matchers[3], (Matcher{"version", Matcher::Op::kNotMatches, "v1|v2"}));
  EXPECT_TRUE(aggregate("count{}[5m]").matchers.empty());
  EXPECT_EQ(canonical("count{a=\"x\"}[5m]"), canonical("count { a = 'x' , } [ 5m ]"));
}

TEST(Parser, WindowsAndOffsetsAreDurations) {
  const Aggregate a = aggregate("p95[1h30m] offset 1d");
  EXPECT_EQ(a.window.ms, 5'400'000);
  EXPECT_EQ(a.offset.ms, 86'400'000);
  EXPECT_EQ(aggregate("count[1.5s]").window.ms, 1500);
  EXPECT_EQ(canonical("count[300]"), "1:7: expected a window such as 5m, found '300' without a unit");
  EXPECT_EQ(canonical("count[0.5ms]"), "1:7: expected a window such as 5m, found '0.5ms', no whole number of milliseconds");
  EXPECT_EQ(canonical("count[-5m]"), "1:7: expected a window such as 5m, found '-'");
  EXPECT_EQ(canonical("count[5m] offset 0s"), "1:18: an offset is greater than 0");
  EXPECT_EQ(canonical("count[5m] offset -1d"), "1:18: expected an offset such as 1d, found '-'");
}

TEST(Parser, UnitsAndSpacingDoNotChangeTheCanonicalText) {
  EXPECT_EQ(canonical("p99[300s]>0.5s"), canonical("quantile(0.99)[5m]  >  500ms"));
  EXPECT_EQ(canonical("error_rate[5m] > 2%"), canonical("error_rate{}[5m] > 0.02"));
  EXPECT_NE(canonical("error_rate[5m] > 2%"), canonical("error_rate[5m] >= 2%"));
  EXPECT_NE(canonical("count{a=\"x\"}[5m]"), canonical("count{a=\"y\"}[5m]"));
}

TEST(Parser, PositionsCountCodePointsAndLines) {
  const Parsed<Expr> parsed = parse_expression("error_rate{region=\"münchen\"}[5m] > 2%\n  and count[5m] > 3");
  ASSERT_TRUE(parsed.ok());
  const Expr& right = parsed.value().children[1];
  EXPECT_EQ(right.children[0].position.line, 2);
  EXPECT_EQ(right.children[0].position.column, 7);
  EXPECT_EQ(parsed.value().children[0].position.column, 34);
}

TEST(Parser, MessagesSayWhatWasExpectedAndFound) {
  EXPECT_EQ(canonical(""), "1:1: expected a number, an aggregate such as error_rate[5m], '-' or '(', found the end");
  EXPECT_EQ(canonical("error_rate > 2%"), "1:12: expected a window such as [5m], found '>'");
  EXPECT_EQ(canonical("eror_rate[5m]"), "1:1: unknown aggregate 'eror_rate'; did you mean 'error_rate'?");
  EXPECT_EQ(canonical("p98[5m] > 1s"), "1:1: unknown aggregate 'p98'; write quantile(0.98)");
  EXPECT_EQ(canonical("p5[5m] > 1s"), "1:1: unknown aggregate 'p5'; write quantile(0.05)");
  EXPECT_EQ(canonical("p100[5m] > 1s"), "1:1: unknown aggregate 'p100'; write quantile(1)");
  EXPECT_EQ(canonical("count[5m] = 3"), "1:11: expected an operator or the end, found '='; to compare, write '=='");
  EXPECT_EQ(canonical("count[5m] > 3 AND 1"), "1:15: expected an operator or the end, found 'AND'; key words are lower-case: 'and'");
  EXPECT_EQ(canonical("count[5m] > 3 && 1"), "1:15: unexpected '&'; write 'and'");
  EXPECT_EQ(canonical("count[5m]{a=\"b\"}"), "1:10: matchers stand before the window");
  EXPECT_EQ(canonical("count{a=b}[5m]"), "1:9: expected a string in quotes, found 'b'");
  EXPECT_EQ(canonical("count{a\"b\"}[5m]"), "1:8: expected one of = != =~ !~, found the string \"b\"");
  EXPECT_EQ(canonical("(count[5m] > 3"), "1:15: expected an operator or ')', found the end");
  EXPECT_EQ(canonical("1 + not 2"), "1:5: 'not' binds looser than comparison and arithmetic; put it in parentheses");
  EXPECT_EQ(canonical("errors(x)[5m]"), "1:7: 'errors' takes no argument");
  EXPECT_EQ(canonical("last[5m]"), "1:5: expected '(' and the argument of last, found '['");
  EXPECT_EQ(canonical("quantile(1.5)[5m]"), "1:10: a quantile lies from 0 to 1; the 99th percentile is 0.99");
  EXPECT_EQ(canonical("quantile(-0.1)[5m]"), "1:10: a quantile lies from 0 to 1; the 99th percentile is 0.99");
  EXPECT_EQ(canonical("burn_rate(\"a\"){b=\"c\"}[5m]"), "1:15: 'burn_rate' takes no matchers: those of its SLO hold");
  EXPECT_EQ(canonical("budget_remaining(\"a\")[5m]"), "1:22: 'budget_remaining' takes no window: it is over that of its SLO");
  EXPECT_EQ(canonical("count[5m] > 2 %"), "1:15: unexpected '%'; % stands right behind its number, as in 2%");
  EXPECT_EQ(canonical("count[5m] > \xff"), "1:13: the expression is not UTF-8");
  EXPECT_EQ(canonical("count[5m] > ü"), "1:13: unexpected 'ü'");
}

TEST(Parser, KeyWordsAreNoAggregatesButMayBeLabels) {
  EXPECT_EQ(canonical("and"), "1:1: expected a number, an aggregate such as error_rate[5m], '-' or '(', found 'and'");
  EXPECT_EQ(canonical("count{and=\"x\"}[5m]"), "count{\"and\"=\"x\"}[5m]");
}

TEST(Parser, NestingSizeAndLengthAreBounded) {
  const std::string deep = std::string(101, '(') + "1" + std::string(101, ')');
  EXPECT_EQ(canonical(deep), "1:101: the expression is nested more than 100 deep");
  EXPECT_EQ(canonical(std::string(100, '(') + "1" + std::string(100, ')')), "1");
  EXPECT_NE(canonical(std::string(101, '-') + "1").find("nested more than"), std::string::npos);
  std::string nots;
  for (int i = 0; i < 101; ++i) nots += "not ";
  EXPECT_NE(canonical(nots + "1").find("nested more than"), std::string::npos);
  EXPECT_NE(canonical("count(" + nots + "success)[5m]").find("nested more than"), std::string::npos);
  std::string sum = "1";
  for (int i = 0; i < 1000; ++i) sum += "+1";
  EXPECT_NE(canonical(sum).find("more than 1000 parts"), std::string::npos);
  EXPECT_EQ(canonical(std::string(kMaxExpressionBytes + 1, ' ')), "1:1: the expression is longer than 32768 bytes");
}

TEST(Parser, SelectorsAndPredicatesStandAlone) {
  const Parsed<std::vector<Matcher>> selector = parse_selector("{domain=\"chat\", operation=\"chat.send\"}");
  ASSERT_TRUE(selector.ok());
  EXPECT_EQ(to_string(selector.value()), "{domain=\"chat\",operation=\"chat.send\"}");
  EXPECT_FALSE(parse_selector("{domain=\"chat\"} x").ok());
  EXPECT_FALSE(parse_selector("domain=\"chat\"").ok());
  const Parsed<Predicate> predicate = parse_predicate("success and latency < 300ms");
  ASSERT_TRUE(predicate.ok());
  EXPECT_EQ(to_string(predicate.value()), "success and (latency < 300)");
  EXPECT_FALSE(parse_predicate("success and").ok());
  EXPECT_FALSE(parse_predicate("temp").ok());
}

}  // namespace
}  // namespace tocsin::rules
