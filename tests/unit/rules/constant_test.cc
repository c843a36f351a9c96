#include "operators/rules/constant.h"

#include <gtest/gtest.h>

#include "operators/rules/parser.h"
#include "operators/rules/printer.h"

namespace tocsin::rules {
namespace {

Expr parsed(std::string_view text) { return parse_expression(text).value(); }

std::string folded(std::string_view text) {
  const std::optional<Constant> constant = fold(parsed(text));
  if (!constant) return "no constant";
  switch (constant->kind) {
    case Constant::Kind::kNone: return "none";
    case Constant::Kind::kNumber: return to_string(constant->number);
    case Constant::Kind::kTruth: return constant->truth ? "true" : "false";
    case Constant::Kind::kTooLarge: return "too large";
  }
  return "";
}

TEST(Constant, FoldsInExactFractions) {
  EXPECT_EQ(folded("0.1 + 0.2"), "0.3");
  EXPECT_EQ(folded("1 / 3 * 3"), "1");
  EXPECT_EQ(folded("-(2% + 1) * 2"), "-2.04");
  EXPECT_EQ(folded("1h / 1s"), "3600");
  EXPECT_EQ(folded("1 / 3"), "1/3");
}

TEST(Constant, ADivisionByZeroHasNoValueNorHasWhatIsMadeOfIt) {
  EXPECT_EQ(folded("1 / 0"), "none");
  EXPECT_EQ(folded("1 / (1 - 1) + 5"), "none");
  EXPECT_EQ(folded("1 / 0 > 1"), "none");
  EXPECT_EQ(folded("-(1 / 0)"), "none");
  EXPECT_EQ(fold_constant(parsed("1 / 0")), std::nullopt);
}

TEST(Constant, LogicIsThreeValued) {
  EXPECT_EQ(folded("1 / 0 and 0"), "false");
  EXPECT_EQ(folded("1 / 0 and 1"), "none");
  EXPECT_EQ(folded("1 / 0 or 1"), "true");
  EXPECT_EQ(folded("1 / 0 or 0"), "none");
  EXPECT_EQ(folded("not 1 / 0"), "none");
  EXPECT_EQ(folded("not 0"), "true");
  EXPECT_EQ(folded("1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3 and 1 == 1 and 1 != 2"), "true");
}

TEST(Constant, OnlyNumbersWithAValueAreFoldedNumbers) {
  EXPECT_EQ(fold_constant(parsed("2 * 3")), Rational(6));
  EXPECT_EQ(fold_constant(parsed("2 < 3")), std::nullopt);
  EXPECT_EQ(fold_constant(parsed("count[5m]")), std::nullopt);
  EXPECT_TRUE(is_constant(parsed("2 < 3")));
  EXPECT_FALSE(is_constant(parsed("2 < count[5m]")));
  EXPECT_EQ(folded("2 < count[5m]"), "no constant");
}

TEST(Constant, SizeIsBounded) {
  std::string product = "9e400";
  for (int i = 0; i < 30; ++i) product += " * 9e400";
  EXPECT_EQ(folded(product), "too large");
  EXPECT_EQ(folded("9e400 * 9e400 / 9e400 / 9e400"), "1");
}

}  // namespace
}  // namespace tocsin::rules
