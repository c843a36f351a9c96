#include "operators/rules/template.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/base/utf8.h"
#include "operators/rules/go_format.h"

namespace tocsin::rules {
namespace {

const std::map<std::string, std::string> kLabels = {
    {"region", "eu-west"}, {"service.name", "chat"}, {"k8s/pod", "p-1"}, {"count", "12"}, {"city", "münchen"}};

std::string error_of(std::string_view text) {
  const std::optional<TemplateError> error = find_template_error(text);
  if (!error) return "";
  return fmt::format("column {}: {}", count_code_points(text.substr(0, error->offset)) + 1, error->message);
}

std::string expand(std::string_view text, std::optional<double> value = 0.0312) {
  EXPECT_EQ(error_of(text), "") << text;
  return expand_template(text, kLabels, value);
}

TEST(Template, TextAndVariables) {
  EXPECT_EQ(expand("plain } { text"), "plain } { text");
  EXPECT_EQ(expand("{{ $labels.region }}: {{$value}}"), "eu-west: 0.0312");
  EXPECT_EQ(expand("{{ .Labels.region }}/{{ .Value }}"), "eu-west/0.0312");
  EXPECT_EQ(expand("[{{ $labels.nothing }}]"), "[]");
  EXPECT_EQ(expand("{{ $labels.service.name }}"), "chat");
  EXPECT_EQ(expand("{{ index $labels \"k8s/pod\" }}"), "p-1");
  EXPECT_EQ(expand_template("{{ $labels }}", {{"b", "2"}, {"a", "1"}}, 0), "map[a:1 b:2]");
}

TEST(Template, AnAbsentValuePrintsNothing) {
  EXPECT_EQ(expand("<{{ $value }}>", std::nullopt), "<>");
  EXPECT_EQ(expand("<{{ $value | humanizePercentage }}>", std::nullopt), "<>");
  EXPECT_EQ(expand("<{{ $value | humanize | toUpper }}>", std::nullopt), "<>");
}

TEST(Template, NumbersPrintAsGoPrintsThem) {
  EXPECT_EQ(go::format_float(1), "1");
  EXPECT_EQ(go::format_float(0.1), "0.1");
  EXPECT_EQ(go::format_float(100000), "100000");
  EXPECT_EQ(go::format_float(999999.5), "999999.5");
  EXPECT_EQ(go::format_float(1e6), "1e+06");
  EXPECT_EQ(go::format_float(123456789.125), "1.23456789125e+08");
  EXPECT_EQ(go::format_float(1e20), "1e+20");
  EXPECT_EQ(go::format_float(0.0001), "0.0001");
  EXPECT_EQ(go::format_float(0.00001), "1e-05");
  EXPECT_EQ(go::format_float(1.5e-7), "1.5e-07");
  EXPECT_EQ(go::format_float(-2.5), "-2.5");
  EXPECT_EQ(go::format_float(0.0), "0");
  EXPECT_EQ(go::format_float(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(go::format_float(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(go::format_float(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(expand("{{ 5 }} {{ 1e6 }} {{ 1.50 }} {{ \"x\" }} {{ `y` }}"), "5 1e+06 1.5 x y");
}

TEST(Template, HumanizeFamilyMatchesPrometheus) {
  EXPECT_EQ(expand("{{ humanize 0 }}:{{ humanize 1 }}:{{ humanize 1234567.0 }}:{{ humanize 0.12 }}"), "0:1:1.235M:120m");
  EXPECT_EQ(expand("{{ humanize \"0.0\" }}:{{ humanize \".12\" }}:{{ -1 | humanize }}"), "0:120m:-1");
  EXPECT_EQ(expand("{{ humanize 9223372036854775807 }}:{{ humanize 1e30 }}:{{ humanize 1e-30 }}"), "9.223E:1e+06Y:1e-06y");
  EXPECT_EQ(expand("{{ humanize1024 0 }}:{{ humanize1024 1 }}:{{ humanize1024 1048576.0 }}:{{ humanize1024 0.12 }}"), "0:1:1Mi:0.12");
  EXPECT_EQ(expand("{{ humanize1024 1234567 }}:{{ humanize1024 9223372036854775807 }}"), "1.177Mi:8Ei");
  EXPECT_EQ(expand("{{ humanizePercentage -0.22222 }}:{{ humanizePercentage 0.0 }}:{{ 0.1234567 | humanizePercentage }}"),
            "-22.22%:0%:12.35%");
  EXPECT_EQ(expand("{{ humanizePercentage 1.23456 }}:{{ humanizePercentage 1234567 }}"), "123.5%:1.235e+08%");
  EXPECT_EQ(expand("{{ humanize \"+Inf\" }}:{{ humanize1024 \"-Inf\" }}:{{ humanizeDuration \"NaN\" }}:{{ humanizeTimestamp \"NaN\" }}"),
            "+Inf:-Inf:NaN:NaN");
}

TEST(Template, HumanizeDurationMatchesPrometheus) {
  EXPECT_EQ(expand("{{ humanizeDuration 0 }}:{{ humanizeDuration 1 }}:{{ humanizeDuration 60 }}:{{ humanizeDuration 3600 }}"),
            "0s:1s:1m 0s:1h 0m 0s");
  EXPECT_EQ(
      expand("{{ humanizeDuration 86400 }}:{{ humanizeDuration 90000 }}:{{ humanizeDuration -183845 }}:{{ humanizeDuration 899.99 }}"),
      "1d 0h 0m 0s:1d 1h 0m 0s:-2d 3h 4m 5s:14m 59s");
  EXPECT_EQ(expand("{{ humanizeDuration 0.1 }}:{{ humanizeDuration 0.0001 }}:{{ humanizeDuration 0.12345 }}:{{ humanizeDuration 60.1 }}"),
            "100ms:100us:123.5ms:1m 0s");
  EXPECT_EQ(expand("{{ humanizeDuration 1.2345 }}:{{ humanizeDuration 12.345 }}:{{ humanizeDuration 1234567 }}"),
            "1.234s:12.35s:14d 6h 56m 7s");
}

TEST(Template, HumanizeTimestampMatchesPrometheus) {
  EXPECT_EQ(expand("{{ humanizeTimestamp 1435065584.128 }}"), "2015-06-23 13:19:44.128 +0000 UTC");
  EXPECT_EQ(expand("{{ humanizeTimestamp 0 }}|{{ humanizeTimestamp -1 }}|{{ humanizeTimestamp 1.5 }}"),
            "1970-01-01 00:00:00 +0000 UTC|1969-12-31 23:59:59 +0000 UTC|1970-01-01 00:00:01.5 +0000 UTC");
  EXPECT_EQ(expand("{{ humanizeTimestamp 9223372036 }}"), "2262-04-11 23:47:16 +0000 UTC");
  EXPECT_EQ(expand("{{ humanizeTimestamp 1600000000 }}"), "2020-09-13 12:26:40 +0000 UTC");
}

TEST(Template, TextFunctions) {
  EXPECT_EQ(expand("{{ \"aa bb CC\" | title }}:{{ \"it's a_b c-d\" | title }}"), "Aa Bb CC:It'S A_b C-D");
  EXPECT_EQ(expand("{{ $labels.region | toUpper }}:{{ toLower \"aA bB\" }}"), "EU-WEST:aa bb");
  EXPECT_EQ(expand("{{ $labels.city | toUpper }}:{{ $labels.city | title }}:{{ toLower \"ÄÖ\" }}"), "MÜNCHEN:München:äö");
  EXPECT_EQ(expand("{{ match \"a+\" \"aa\" }} {{ match \"a+\" \"b\" }} {{ $labels.region | match \"^eu\" }}"), "true false true");
  EXPECT_EQ(expand("{{ reReplaceAll \"(a)b\" \"x$1\" \"ab\" }}"), "xa");
  EXPECT_EQ(expand("{{ $labels.region | reReplaceAll \"(.*)-(.*)\" \"${2}_$1\" | toUpper }}"), "WEST_EU");
  EXPECT_EQ(expand("{{ reReplaceAll \"(?P<first>.)b\" \"$first$$\" \"ab\" }}"), "a$");
  EXPECT_EQ(expand("{{ reReplaceAll \"b*\" \"-\" \"abc\" }}"), "-a-c-");
  EXPECT_EQ(expand("{{ reReplaceAll \"x\" \"$1y\" \"x\" }}|{{ reReplaceAll \"x\" \"$\" \"x\" }}"), "|$");
  EXPECT_EQ(expand("{{ (index $labels \"k8s/pod\" | toUpper) | toLower }}"), "p-1");
}

TEST(Template, DashesTrimWhiteSpace) {
  EXPECT_EQ(expand("a  {{- \"b\" -}}  \n c"), "abc");
  EXPECT_EQ(expand("a {{ \"b\" -}} {{- \"c\" }} d"), "a bc d");
  EXPECT_EQ(expand("a {{-3}}"), "a -3");
  EXPECT_EQ(expand("a {{- /* nothing */ -}} b"), "ab");
  EXPECT_EQ(expand("a{{/* }} */}}b"), "ab");
  EXPECT_EQ(expand("{{ \"}}\" }}"), "}}");
}

TEST(Template, ErrorsNameWhatAndWhere) {
  EXPECT_EQ(error_of("ü {{ humanise $value }}"), "column 6: unknown function 'humanise'; did you mean 'humanize'?");
  EXPECT_EQ(error_of("{{ $valu }}"), "column 4: unknown variable '$valu'; there are $value and $labels.name");
  EXPECT_EQ(error_of("{{ $value"), "column 10: expected '|' or '}}', found the end: the action that began with '{{' is not closed");
  EXPECT_EQ(error_of("{{ if true }}x{{ end }}"), "column 4: 'if' is not supported: templates have no control structures");
  EXPECT_EQ(error_of("{{ $value | $labels.x }}"), "column 13: only a function can follow '|'");
  EXPECT_EQ(error_of("{{ $value 1 }}"), "column 11: only a function takes arguments");
  EXPECT_EQ(error_of("{{ humanize }}"), "column 4: humanize: it takes 1 argument, not 0");
  EXPECT_EQ(error_of("{{ $value | match \"a\" \"b\" }}"), "column 13: match: it takes 2 arguments, not 3");
  EXPECT_EQ(error_of("{{ $value | toUpper }}"), "column 13: toUpper: it takes a text, not a number");
  EXPECT_EQ(error_of("{{ humanize \"one\" }}"), "column 4: humanize: 'one' is no number");
  EXPECT_EQ(error_of("{{ match \"(\" $labels.x }}"), "column 4: match: '(' is no regular expression: missing ): (");
  EXPECT_EQ(error_of("{{ 'x' }}"), "column 4: texts in templates stand in \"…\" or `…`");
  EXPECT_NE(error_of("{{ }}"), "");
  EXPECT_NE(error_of("{{ 1x }}"), "");
  EXPECT_NE(error_of("{{ (1 }}"), "");
  EXPECT_NE(error_of("{{ /* x }}"), "");
  EXPECT_NE(error_of("{{ \"x }}"), "");
  EXPECT_NE(error_of("{{ humanize (" + std::string(30, '(')), "");
}

TEST(Template, WhatDependsOnLabelsIsCheckedByTypeOnly) {
  EXPECT_EQ(error_of("{{ $labels.count | humanize }}"), "");
  EXPECT_EQ(expand("{{ $labels.count | humanize }}"), "12");
  EXPECT_EQ(expand("{{ $labels.region | humanize }}"), "<error expanding template: humanize: 'eu-west' is no number>");
  EXPECT_EQ(error_of("{{ match $labels.x \"a\" }}"), "");
}

TEST(Template, ResultsAreBounded) {
  const std::string grow = " | reReplaceAll \"\" \"" + std::string(1000, 'x') + "\"";
  EXPECT_EQ(expand_template("{{ \"aaaaaaaaaa\"" + grow + grow + grow + " }}", kLabels, 1).substr(0, 27), "<error expanding template: ");
}

}  // namespace
}  // namespace tocsin::rules
