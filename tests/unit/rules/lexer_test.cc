#include "operators/rules/lexer.h"

#include <gtest/gtest.h>

#include "operators/rules/number_literal.h"
#include "operators/rules/string_literal.h"

namespace tocsin::rules {
namespace {

Rational number(std::string_view literal) {
  const NumberLiteral read = read_number(literal);
  EXPECT_EQ(read.error, "") << literal;
  return read.value;
}

std::string number_error(std::string_view literal) { return read_number(literal).error; }

TEST(Lexer, NumbersAreExact) {
  EXPECT_EQ(number("0.1"), Rational(1, 10));
  EXPECT_EQ(number("2.5%"), Rational(1, 40));
  EXPECT_EQ(number("1e3"), 1000);
  EXPECT_EQ(number("25e-2"), Rational(1, 4));
  EXPECT_EQ(number("1.5E+2%"), Rational(3, 2));
  EXPECT_EQ(number("007"), 7);
  EXPECT_EQ(number("0"), 0);
}

TEST(Lexer, DurationsAreMilliseconds) {
  EXPECT_EQ(number("300ms"), 300);
  EXPECT_EQ(number("1.5s"), 1500);
  EXPECT_EQ(number("0.5ms"), Rational(1, 2));
  EXPECT_EQ(number("1h30m"), 5'400'000);
  EXPECT_EQ(number("1w2d3h4m5s6ms"), 788'645'006);
  EXPECT_EQ(number("1m1.5s"), 61'500);
  EXPECT_TRUE(read_number("5m").has_unit);
  EXPECT_FALSE(read_number("5").has_unit);
}

TEST(Lexer, BadNumbersSayWhatIsWrong) {
  EXPECT_EQ(number_error("5x"), "'5x' is no number: unknown unit 'x'; there are ms, s, m, h, d, w and %");
  EXPECT_EQ(number_error("1m1h"), "'1m1h' is no number: the units of a duration fall, and each stands once, as in 1h30m");
  EXPECT_EQ(number_error("1h30"), "'1h30' is no number: each part of a duration needs a unit");
  EXPECT_EQ(number_error("5m%"), "'5m%' is no number: a duration takes no %");
  EXPECT_EQ(number_error("1.2.3"), "'1.2.3' is no number: it has more than one '.'");
  EXPECT_EQ(number_error("5."), "'5.' is no number: a digit is missing after '.'");
  EXPECT_EQ(number_error("1e401"), "'1e401' is no number: its exponent is beyond 400");
  EXPECT_EQ(number_error("1e+"), "'1e+' is no number: a digit is missing in the exponent");
  EXPECT_NE(number_error(std::string(401, '9')), "");
  EXPECT_EQ(number_error("1e400"), "");
}

TEST(Lexer, ASignBelongsToANumberOnlyInItsExponent) {
  EXPECT_EQ(number_length("5m-3", 0), 2U);
  EXPECT_EQ(number_length("5e-3-2", 0), 4U);
  EXPECT_EQ(number_length("5-3", 0), 1U);
  EXPECT_EQ(number_length("1h30m]", 0), 5U);
  EXPECT_EQ(number_length("2%)", 0), 2U);
}

TEST(Lexer, StringsDecodeTheEscapesOfGo) {
  EXPECT_EQ(scan_string(R"("a\\.b\"\n\t\x41\u00fc\U0001F600\101")", 0).value, "a\\.b\"\n\tAü😀A");
  EXPECT_EQ(scan_string("'it''s'", 0).value, "it");
  EXPECT_EQ(scan_string(R"('\'')", 0).value, "'");
  EXPECT_EQ(scan_string(R"(`a\.b`)", 0).value, "a\\.b");
  EXPECT_EQ(scan_string("`a\nb`", 0).value, "a\nb");
}

TEST(Lexer, BrokenStringsAreErrors) {
  EXPECT_EQ(scan_string("\"abc", 0).error, "the string has no closing \"");
  EXPECT_EQ(scan_string("\"a\nb\"", 0).error, "the string has no closing \"");
  EXPECT_EQ(scan_string("`abc", 0).error, "the string has no closing `");
  EXPECT_EQ(scan_string(R"("\q")", 0).error, R"('\q' is no escape in a string; write \\ for a backslash, or use `…`)");
  EXPECT_EQ(scan_string(R"("\xff")", 0).error, "the escapes in the string make bytes that are no UTF-8");
  EXPECT_NE(scan_string(R"("\ud800")", 0).error, "");
  EXPECT_NE(scan_string(R"("\400")", 0).error, "");
  EXPECT_NE(scan_string("\"\\", 0).error, "");
}

TEST(Lexer, ABrokenTokenEndsTheList) {
  const std::vector<Token> tokens = tokenize("a & b");
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokens[1].kind, Token::Kind::kBroken);
  EXPECT_EQ(tokens[1].value, "unexpected '&'; write 'and'");
  EXPECT_EQ(tokens[1].offset, 2U);
  EXPECT_EQ(tokens[2].kind, Token::Kind::kEnd);
}

}  // namespace
}  // namespace tocsin::rules
