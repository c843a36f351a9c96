#include <cmath>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "engine/decode/json_scalar.h"
#include "engine/decode/name_table.h"
#include "engine/decode/utf8.h"

namespace tocsin::decode {
namespace {

TEST(Utf8, WhatRfc3629AllowsIsValid) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("plain"));
  EXPECT_TRUE(is_valid_utf8("a rather long text with an ä in it, beyond eight bytes"));
  EXPECT_TRUE(is_valid_utf8("\xC2\x80"));
  EXPECT_TRUE(is_valid_utf8("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"));
  EXPECT_TRUE(is_valid_utf8("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
  EXPECT_TRUE(is_valid_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, OverlongFormsSurrogatesAndBrokenTailsAreNot) {
  for (const std::string_view bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE1\x80", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xFE"}) {
    EXPECT_FALSE(is_valid_utf8(bad));
    for (size_t before = 1; before < 20; ++before) {
      EXPECT_FALSE(is_valid_utf8(std::string(before, 'x') + std::string(bad))) << before;
      EXPECT_FALSE(is_valid_utf8(std::string(bad) + std::string(before, 'x'))) << before;
    }
  }
}

TEST(JsonNumber, TheGrammarIsThatOfRfc8259) {
  for (const std::string_view good : {"0", "-0", "1", "-12", "1.10", "0.5", "1e5", "1E+5", "1.5e-300", "123456789012345678901234567890"}) {
    EXPECT_TRUE(is_json_number(good)) << good;
  }
  for (const std::string_view bad :
       {"", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e5", "0x1", "1 ", " 1", "NaN", "Infinity", "1_0"}) {
    EXPECT_FALSE(is_json_number(bad)) << bad;
  }
}

TEST(JsonNumber, IntegersMayHaveAnEmptyFractionOrAnExponent) {
  EXPECT_EQ(parse_json_integer("1.7e12"), 1700000000000);
  EXPECT_EQ(parse_json_integer("1700000000000.0"), 1700000000000);
  EXPECT_EQ(parse_json_integer("-0"), 0);
  EXPECT_EQ(parse_json_integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_json_integer("-9223372036854775808"), INT64_MIN);
  for (const std::string_view bad : {"1.5", "1e-1", "9223372036854775808", "1e19", "-1e300", "1e400", "", "abc", "1x", "0x10", "NaN"}) {
    EXPECT_EQ(parse_json_integer(bad), std::nullopt) << bad;
  }
}

TEST(JsonNumber, DoublesBeyondTheRangeAreInfiniteOrZero) {
  EXPECT_EQ(parse_json_double("12.5"), 12.5);
  EXPECT_EQ(parse_json_double("1e400"), INFINITY);
  EXPECT_EQ(parse_json_double("-1e400"), -INFINITY);
  EXPECT_LT(parse_json_double("1e-400"), 1e-300);
  EXPECT_EQ(parse_json_double("-Infinity"), -INFINITY);
  EXPECT_TRUE(std::isnan(*parse_json_double("NaN")));
  for (const std::string_view bad : {"", "nan", "inf", "+1", "1.", " 1"}) EXPECT_EQ(parse_json_double(bad), std::nullopt) << bad;
}

TEST(JsonNumber, PlainOnesHaveTheSameValueAsTheirText) {
  const std::string_view alphabet = "0123456789.-+eE ";
  std::mt19937_64 random(1);
  int plain_ones = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    for (size_t n = 1 + random() % 20; n > 0; --n) text += alphabet[random() % (i % 2 == 0 ? 11 : alphabet.size())];
    PlainNumber plain;
    if (!plain.read(text)) {
      EXPECT_EQ(plain.as_double(), std::nullopt);
      continue;
    }
    ++plain_ones;
    ASSERT_TRUE(is_json_number(text)) << text;
    if (plain.decimals == 0) {
      EXPECT_EQ(plain.mantissa, integer_of_number(text)) << text;
    }
    EXPECT_EQ(plain.as_double().value_or(double_of_number(text)), double_of_number(text)) << text;
  }
  EXPECT_GT(plain_ones, 20'000);
}

TEST(JsonNumber, MostAreReadAsPlainOnes) {
  for (const std::string_view text : {"0", "7", "-12", "1.10", "0.5", "-0.001", "1700000000123", "61.843", "999999999999999999"}) {
    PlainNumber plain;
    EXPECT_TRUE(plain.read(text)) << text;
  }
  for (const std::string_view text : {"-0", "-0.0", "1e3", "1000000000000000000", "01", "1.", ".5", "-", ""}) {
    PlainNumber plain;
    EXPECT_FALSE(plain.read(text)) << text;
  }
  PlainNumber beyond;
  ASSERT_TRUE(beyond.read("9007199254740993"));
  EXPECT_EQ(beyond.as_double(), std::nullopt);  // 2^53 + 1 is not exact
}

TEST(JsonString, EscapesBecomeUtf8) {
  EXPECT_EQ(unescape(R"(a\"\\\/\b\f\n\r\tz)"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(unescape(R"(\u0041\u00e4\u20AC\ud83d\ude00)"), "A\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(unescape(R"(\u0000)"), std::string(1, '\0'));
}

TEST(JsonString, ALoneSurrogateIsNoText) {
  for (const std::string_view bad : {R"(\ud83d)", R"(\ude00)", R"(\ud83dx)", R"(\ud83d\n)", R"(\ud83d\u0041)", R"(\ud83d\ud83d)"}) {
    EXPECT_TRUE(escapes_are_valid(bad)) << bad;
    EXPECT_EQ(unescape(bad), std::nullopt) << bad;
  }
}

TEST(JsonString, OtherEscapesAreInvalid) {
  for (const std::string_view bad : {R"(\)", R"(\x41)", R"(\u12)", R"(\u12g4)", R"(\')", R"(\u 123)", R"(ok\n\q)", R"(\U0041)"}) {
    EXPECT_FALSE(escapes_are_valid(bad)) << bad;
  }
}

TEST(NameTable, FindsEveryNameAndNoOther) {
  std::mt19937 random(1);
  NameTable table;
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) {
    std::string name(random() % 24, 'a');
    for (char& c : name) c = static_cast<char>('a' + random() % 3);
    if (table.find(name) >= 0) continue;
    table.add(name, static_cast<int>(names.size()));
    names.push_back(name);
    for (size_t n = 0; n < names.size(); ++n) ASSERT_EQ(table.find(names[n]), static_cast<int>(n)) << names[n];
  }
  EXPECT_EQ(table.find("b_new_name"), -1);
  EXPECT_EQ(table.find(names.back() + "x"), -1);
}

TEST(NameTable, TellsNamesOfOneHeadOrTailApart) {
  NameTable table;
  const auto name = [](int i, size_t before, size_t behind) {
    return std::string(before, 'h') + std::to_string(1000 + i) + std::string(behind, 't');
  };
  const std::pair<size_t, size_t> shapes[] = {{0, 0}, {1, 0}, {0, 3}, {8, 0}, {0, 8}, {12, 0}, {0, 12}, {20, 0}, {0, 20}};
  for (const auto& [before, behind] : shapes) {
    for (int i = 0; i < 200; ++i) table.add(name(i, before, behind), i);
  }
  for (const auto& [before, behind] : shapes) {
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(table.find(name(i, before, behind)), i < 200 ? i : -1);
  }
}

}  // namespace
}  // namespace tocsin::decode
