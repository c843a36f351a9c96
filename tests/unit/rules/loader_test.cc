#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operators/rules/rule.h"

namespace tocsin::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> texts(const LoadResult& result, Finding::Severity severity = Finding::Severity::kError) {
  std::vector<std::string> found;
  for (const Finding& finding : result.findings) {
    if (finding.severity == severity) found.push_back(finding.text);
  }
  return found;
}

// A file with one group and one rule of the given lines, each indented as a key of the rule. Its first line is line 4.
std::string file_with(const std::vector<std::string>& lines) {
  std::string text = "groups:\n- name: g\n  rules:\n";
  for (size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "  - " : "    ") + lines[i] + "\n";
  return text;
}

LoadResult load(const std::vector<std::string>& lines, const LoadOptions& options = {}) {
  return load_rules({{"r.yaml", file_with(lines)}}, options);
}

std::vector<std::string> errors(const std::vector<std::string>& lines, const LoadOptions& options = {}) {
  return texts(load(lines, options));
}

std::vector<std::string> errors_of_expr(const std::string& expr) { return errors({"alert: A", "expr: " + expr}); }

constexpr const char* kWholeRule = R"(groups:
  - name: chat
    interval: 1s
    rules:
      - alert: ChatErrorRateHigh
        expr: error_rate{domain="chat"}[5m] > 2%
        by: [domain, region]
        for: 30s
        keep_firing_for: 1m
        resolve: error_rate{domain="chat"}[5m] < 1%
        cooldown: 15m
        min_events: 20
        no_data: keep
        severity: ERROR
        enabled: true
        group_retention: 2h
        labels: {team: chat, build: 1.10}
        annotations:
          summary: "{{ $labels.region }}: {{ $value | humanizePercentage }} of chat operations fail"
)";

TEST(Loader, ReadsAWholeRule) {
  const LoadResult result = load_rules({{"rules/chat.yaml", kWholeRule}}, {});
  ASSERT_THAT(texts(result), IsEmpty());
  ASSERT_EQ(result.rules.rules.size(), 1U);
  const AlertRule& rule = result.rules.rules[0];
  EXPECT_EQ(rule.name, "ChatErrorRateHigh");
  EXPECT_EQ(rule.group, "chat");
  EXPECT_EQ(rule.expr_text, "error_rate{domain=\"chat\"}[5m] > 2%");
  EXPECT_EQ(rule.expr.kind, Expr::Kind::kCompare);
  EXPECT_TRUE(rule.resolve.has_value());
  EXPECT_THAT(rule.by, ElementsAre("domain", "region"));
  EXPECT_EQ(rule.interval.ms, 1000);
  EXPECT_EQ(rule.hold.ms, 30'000);
  EXPECT_EQ(rule.keep_firing_for.ms, 60'000);
  EXPECT_EQ(rule.cooldown.ms, 900'000);
  EXPECT_EQ(rule.min_events, 20);
  EXPECT_EQ(rule.no_data, NoData::kKeep);
  EXPECT_EQ(rule.severity, "ERROR");
  EXPECT_EQ(rule.group_retention, Duration{7'200'000});
  EXPECT_EQ(rule.labels.at("build"), "1.10");
  EXPECT_EQ(rule.file, "rules/chat.yaml");
  EXPECT_EQ(rule.position.line, 5);
  EXPECT_EQ(rule.expr.children[0].aggregate->position.line, 6);
  EXPECT_EQ(rule.expr.children[0].aggregate->position.column, 15);
}

TEST(Loader, DefaultsAreThoseOfTheManual) {
  const LoadResult result = load({"alert: A", "expr: count[5m] > 5"});
  ASSERT_THAT(texts(result), IsEmpty());
  const AlertRule& rule = result.rules.rules.at(0);
  EXPECT_THAT(rule.by, IsEmpty());
  EXPECT_EQ(rule.interval.ms, 250);
  EXPECT_EQ(rule.hold.ms, 0);
  EXPECT_EQ(rule.min_events, 0);
  EXPECT_EQ(rule.no_data, NoData::kOk);
  EXPECT_EQ(rule.severity, "WARN");
  EXPECT_TRUE(rule.enabled);
  EXPECT_FALSE(rule.resolve.has_value());
  EXPECT_FALSE(rule.group_retention.has_value());
}

TEST(Loader, ARulesOwnIntervalWinsOverItsGroups) {
  const LoadResult result = load_rules({{"r.yaml",
                                         "groups:\n- name: g\n  interval: 2s\n  rules:\n  - {alert: A, expr: 'count[5m] > 5', interval: "
                                         "5s}\n  - {alert: B, expr: 'count[5m] > 5'}\n"}},
                                       {});
  ASSERT_EQ(result.rules.rules.size(), 2U);
  EXPECT_EQ(result.rules.rules[0].interval.ms, 5000);
  EXPECT_EQ(result.rules.rules[1].interval.ms, 2000);
}

TEST(Loader, AllMistakesOfAFileAreFoundInOneGoInItsOrder) {
  EXPECT_THAT(
      errors({"alert: A", "exprr: count[5m] > 5", "for: -5s", "no_data: okay", "severity: WARNING", "by: [region, region, trace_id]"}),
      ElementsAre("r.yaml:4:5: 'expr' is missing in a rule",                              //
                  "r.yaml:5:5: unknown key 'exprr' in a rule; did you mean 'expr'?",      //
                  "r.yaml:6:10: 'for' is negative: '-5s'",                                //
                  "r.yaml:7:14: expected ok, keep or alert for 'no_data', found 'okay'",  //
                  "r.yaml:8:15: unknown severity 'WARNING'; configured are INFO, WARN, ERROR, CRITICAL",
                  "r.yaml:9:18: 'region' stands twice in 'by'",  //
                  "r.yaml:9:26: grouping by 'trace_id' would make a group of every event"));
}

TEST(Loader, AFieldThatIsNoTextIsNoLabel) {
  EXPECT_THAT(errors({"alert: A", "expr: 'count{success=\"false\"}[5m] > 5'"}),
              ElementsAre(HasSubstr("'success' is a field that is no text")));
  EXPECT_THAT(errors({"alert: A", "expr: 'share({weight=\"1\"})[5m] > 5%'"}),
              ElementsAre(HasSubstr("'weight' is a field that is no text")));
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 5", "by: [level, latency_ms]"}),
              ElementsAre(HasSubstr("r.yaml:6:17: 'latency_ms' is a field that is no text")));
}

TEST(Loader, ExpressionErrorsPointIntoTheFile) {
  EXPECT_THAT(errors({"alert: A", "expr: error_rat[5m] > 2%"}),
              ElementsAre("r.yaml:5:11: unknown aggregate 'error_rat'; did you mean 'error_rate'?"));
  EXPECT_THAT(errors({"alert: A", "expr: |", "  error_rate[5m] > 2%", "    and foo[5m]"}),
              ElementsAre(HasSubstr("r.yaml:7:13: unknown aggregate 'foo'")));
  EXPECT_THAT(errors({"alert: A", "expr: 'error_rate[5m] > x'"}), ElementsAre(HasSubstr("r.yaml:5:29: unknown aggregate 'x'")));
  EXPECT_THAT(errors({"alert: A", "expr: \"count{a=\\\"b\\\"}[5m] > x\""}), ElementsAre(HasSubstr("r.yaml:5:33: unknown aggregate 'x'")));
  EXPECT_THAT(errors({"alert: A", "expr: >-", "  error_rate[5m]", "  > x"}), ElementsAre(HasSubstr("r.yaml:7:9: unknown aggregate 'x'")));
}

TEST(Loader, TwoRulesOfOneNameAreRefusedAcrossFilesToo) {
  const std::string file = file_with({"alert: A", "expr: count[5m] > 5"});
  EXPECT_THAT(texts(load_rules({{"a.yaml", file}, {"b.yaml", file}}, {})),
              ElementsAre("b.yaml:4:12: there is another rule 'A' at a.yaml:4:12"));
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 5", "alert: B"}), ElementsAre("r.yaml:6:5: key 'alert' stands twice in a rule"));
}

TEST(Loader, GroupNamesAreUniqueWithinAFile) {
  EXPECT_THAT(texts(load_rules({{"r.yaml", "groups:\n- {name: g, rules: []}\n- {name: g, rules: []}\n"}}, {})),
              ElementsAre("r.yaml:3:3: there is another group 'g' at r.yaml:2:3"));
}

TEST(Loader, NamesAreNotEmpty) {
  EXPECT_THAT(errors({"alert: ''", "expr: count[5m] > 5"}), ElementsAre("r.yaml:4:12: the name of a rule is not empty"));
  EXPECT_THAT(texts(load_rules({{"r.yaml", "groups:\n- {name: '', rules: []}\n"}}, {})),
              ElementsAre("r.yaml:2:10: the name of a group is not empty"));
  EXPECT_THAT(texts(load_rules({{"r.yaml", "slos:\n- {name: '', objective: 99%, window: 30d}\n"}}, {})),
              ElementsAre(HasSubstr("'slos'"), "r.yaml:2:10: the name of an SLO is not empty"));
}

TEST(Loader, AConstantThatCanNeverFireIsRefused) {
  for (const char* never : {"0", "1 > 2", "not 1", "1 / 0"})
    EXPECT_THAT(errors_of_expr(never), ElementsAre(HasSubstr("can never fire"))) << never;
  EXPECT_THAT(errors({"alert: A", "expr: 1 > 2", "no_data: alert"}), ElementsAre(HasSubstr("can never fire")));
  EXPECT_THAT(errors({"alert: A", "expr: 1 / 0", "no_data: alert"}), IsEmpty());
  EXPECT_THAT(errors_of_expr("1 < 2"), IsEmpty());
}

TEST(Loader, AConstantKnowsNoGroupOfAnEvent) {
  EXPECT_THAT(errors({"alert: A", "expr: 1", "by: [region]"}),
              ElementsAre(HasSubstr("r.yaml:5:11: the expression holds no aggregate, so with 'by'")));
  EXPECT_THAT(errors({"alert: A", "expr: 1", "by: [region]", "expect: [{region: eu}]", "enabled: false"}), IsEmpty());
}

TEST(Loader, ATruthValueIsNoNumber) {
  EXPECT_THAT(errors_of_expr("1 + (count[5m] > 2)"), ElementsAre("r.yaml:5:26: '+' needs a number, and this is a truth value"));
  EXPECT_THAT(errors_of_expr("(count[5m] > 2) == 1"), ElementsAre(HasSubstr("'==' needs a number")));
  EXPECT_THAT(errors_of_expr("-(not count[5m])"), ElementsAre(HasSubstr("'-' needs a number")));
}

TEST(Loader, ANumberIsATruthValueWhereOneIsNeeded) {
  EXPECT_THAT(errors_of_expr("count[5m]"), IsEmpty());
  EXPECT_THAT(errors_of_expr("count[5m] and not errors[5m]"), IsEmpty());
  EXPECT_THAT(errors_of_expr("1"), IsEmpty());
}

TEST(Loader, MatcherPatternsHaveToCompile) {
  EXPECT_THAT(errors_of_expr("count{a=~\"(\"}[5m] > 1"), ElementsAre("r.yaml:5:11: a=~\"(\": no regular expression (RE2): missing ): ("));
  EXPECT_THAT(errors_of_expr("count{a=~\"x)|(y\"}[5m] > 1"), ElementsAre(HasSubstr("no regular expression")));
  EXPECT_THAT(errors_of_expr("count({a!~\"[\"})[5m] > 1"), ElementsAre(HasSubstr("no regular expression")));
  EXPECT_THAT(errors_of_expr("count{a=\"(\"}[5m] > 1"), IsEmpty());
}

TEST(Loader, WindowsLieBetweenResolutionAndTheLongest) {
  EXPECT_THAT(errors_of_expr("count[200ms] > 1"), ElementsAre("r.yaml:5:11: the window [200ms] is shorter than the resolution of 250ms"));
  EXPECT_THAT(errors_of_expr("count[36d] > 1"), ElementsAre("r.yaml:5:11: the window [36d] is longer than state.max_window, 5w"));
  EXPECT_THAT(errors_of_expr("count[35d] > 1 and count[250ms] > 1 and count[251ms] > 1"), IsEmpty());
}

TEST(Loader, IntervalsLieOnTheGridOfTicks) {
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1", "interval: 300ms"}),
              ElementsAre("r.yaml:6:15: 'interval' is a multiple of the resolution of 250ms, and 300ms is none"));
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1", "interval: 0"}), ElementsAre(HasSubstr("0s is none")));
}

TEST(Loader, IntervalsOfGroupsLieOnTheGridToo) {
  EXPECT_THAT(texts(load_rules({{"r.yaml", "groups:\n- name: g\n  interval: 1100ms\n  rules: []\n"}}, {})),
              ElementsAre(HasSubstr("r.yaml:3:13: 'interval' is a multiple of the resolution of 250ms")));
  LoadOptions second;
  second.resolution = {1000};
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1", "interval: 1500ms"}, second),
              ElementsAre(HasSubstr("multiple of the resolution of 1s")));
}

TEST(Loader, OffsetsLieOnTheGridOfTicks) {
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] offset 300ms > 1", "enabled: false"}),
              ElementsAre("r.yaml:5:11: offset 300ms is no multiple of the resolution of 250ms"));
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] offset 36d > 1", "enabled: false"}),
              ElementsAre(HasSubstr("longer than state.max_window")));
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] offset 500ms > 1", "enabled: false"}), IsEmpty());
}

TEST(Loader, TheLongestWindowIsTheConfiguredOne) {
  LoadOptions hour;
  hour.max_window = {3'600'000};
  EXPECT_THAT(errors({"alert: A", "expr: count[2h] > 1"}, hour), ElementsAre(HasSubstr("longer than state.max_window, 1h")));
  EXPECT_THAT(errors({"alert: A", "expr: count[1h] > 1"}, hour), IsEmpty());
}

TEST(Loader, NoGroupForEveryEvent) {
  for (const char* label : {"request_id", "trace_id", "span_id", "event_id"}) {
    EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1", std::string("by: [") + label + "]"}),
                ElementsAre("r.yaml:6:10: grouping by '" + std::string(label) + "' would make a group of every event"));
  }
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1", "by: [session_id, actor_id]"}), IsEmpty());
}

TEST(Loader, RatiosAreComparedWithWhatTheyCanReach) {
  EXPECT_THAT(errors_of_expr("error_rate[5m] > 5"),
              ElementsAre("r.yaml:5:26: 'error_rate' lies from 0 to 1, so this comparison is always false; 5 percent is 5% or 0.05"));
  for (const char* never_or_always : {"error_rate[5m] > 100%", "error_rate[5m] >= 0", "error_rate[5m] < 0", "success_rate[5m] <= 1",
                                      "1.5 < share(success)[5m]", "share(latency > 1s)[5m] == 2", "error_rate[5m] != -1",
                                      "0 <= error_rate[5m]", "error_rate[5m] > 1 + 1", "not (error_rate[5m] >= 0%)"}) {
    EXPECT_THAT(errors_of_expr(never_or_always), ElementsAre(HasSubstr("lies from 0 to 1"))) << never_or_always;
  }
  for (const char* sound :
       {"error_rate[5m] > 0", "error_rate[5m] >= 1", "error_rate[5m] == 0", "error_rate[5m] != 1", "success_rate[5m] < 100%",
        "error_rate[5m] * 100 > 5", "error_rate[5m] <= 0", "errors[5m] >= 0", "error_rate[5m] > 1 / 0"}) {
    EXPECT_THAT(errors_of_expr(sound), IsEmpty()) << sound;
  }
}

TEST(Loader, InResolveAnUnreachableRatioIsOnlyAWarning) {
  const LoadResult result = load({"alert: A", "expr: max[5m] > 1s", "resolve: error_rate[5m] >= 0"});
  EXPECT_THAT(texts(result), IsEmpty());
  EXPECT_THAT(texts(result, Finding::Severity::kWarning), ElementsAre(HasSubstr("always true")));
}

TEST(Loader, BrokenTemplatesAreRefusedAtTheirPlace) {
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1", "annotations: {summary: 'x {{ $valu }}'}"}),
              ElementsAre("r.yaml:6:34: annotation 'summary': unknown variable '$valu'; there are $value and $labels.name"));
}

TEST(Loader, SeveritiesAreTheConfiguredOnes) {
  LoadOptions options;
  options.severities = {"P4", "P3", "P2", "P1"};
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1", "severity: P1"}, options), IsEmpty());
  EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1"}, options),
              ElementsAre("r.yaml:4:12: unknown severity 'WARN'; configured are P4, P3, P2, P1"));
}

TEST(Loader, ConstantsOfTooManyDigitsAreRefused) {
  std::string product = "9e400";
  for (int i = 0; i < 30; ++i) product += " * 9e400";
  EXPECT_THAT(errors_of_expr("count[5m] > " + product), ElementsAre(HasSubstr("too many digits")));
}

TEST(Loader, AFileThatIsNoYamlDoesNotHideTheOthers) {
  const LoadResult result = load_rules({{"a.yaml", "groups: ["}, {"b.yaml", file_with({"alert: A", "expr: foo[5m]"})}}, {});
  EXPECT_THAT(texts(result), ElementsAre(HasSubstr("a.yaml:"), HasSubstr("b.yaml:5:11:")));
}

TEST(Loader, OddShapesAreErrorsNotCrashes) {
  for (const char* text :
       {"[]", "x", "groups: x", "groups: [x]", "groups: [[]]", "groups:\n- rules: 5\n  name: g\n", "groups:\n- name: g\n  rules: [5]\n",
        "groups:\n- name: g\n  rules:\n  - alert: []\n    expr: {}\n    by: x\n    annotations: 5\n    labels: []\n", "slos: 5",
        "groups:\n"}) {
    EXPECT_FALSE(load_rules({{"r.yaml", text}}, {}).ok()) << text;
  }
  EXPECT_TRUE(load_rules({{"r.yaml", ""}}, {}).ok());
  EXPECT_TRUE(load_rules({{"r.yaml", "# nothing\n"}}, {}).ok());
  EXPECT_TRUE(load_rules({}, {}).ok());
}

// What this version does not evaluate.

TEST(Unsupported, PartsOfExpressionsAreRefusedByName) {
  const std::string tail = " is not supported by this version of tocsin yet; remove the rule or set enabled: false";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"distinct(actor_id)[5m] > 5", "'distinct'"},
      {"last(temp)[5m] > 5", "'last'"},
      {"absent(queue_depth)[5m] == 1", "'absent' over the metric 'queue_depth'"},
      {"avg(temp)[5m] > 5", "'avg' over the metric 'temp'"},
      {"count(temp)[5m] > 5", "'count' over the metric 'temp'"},
      {"share(value > 5)[5m] > 5%", "'value' in a predicate"},
      {"p95[5m] offset 1d > 5s", "'offset'"},
  };
  for (const auto& [expr, name] : cases) {
    const std::string message = name + tail;
    EXPECT_THAT(errors_of_expr(expr), ElementsAre("r.yaml:5:11: " + message)) << expr;
    EXPECT_THAT(errors({"alert: A", "expr: count[5m] > 1", "resolve: " + expr}), ElementsAre("r.yaml:6:14: " + message)) << expr;
    EXPECT_THAT(errors({"alert: A", "expr: " + expr, "enabled: false"}), IsEmpty()) << expr;
  }
}

TEST(Unsupported, KeysOfRulesAreRefusedByName) {
  const std::string tail = " is not supported by this version of tocsin yet; remove the rule or set enabled: false";
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"expect", "[{region: eu}]"}, {"escalation", "[{after: 5m, severity: CRITICAL}]"}, {"warmup", "5m"}}) {
    const std::vector<std::string> lines = {"alert: A", "by: [region]", "expr: count[5m] > 1", fmt::format("{}: {}", key, value)};
    EXPECT_THAT(errors(lines), ElementsAre(HasSubstr(fmt::format("'{}'{}", key, tail))));
    std::vector<std::string> disabled = lines;
    disabled.push_back("enabled: false");
    EXPECT_THAT(errors(disabled), IsEmpty());
  }
}

TEST(Unsupported, ADisabledRuleIsCheckedAllTheSame) {
  EXPECT_THAT(
      errors({"alert: A", "expr: count[5m] > 1", "enabled: false", "expect: [{zone: eu}]", "escalation: [{after: x, severity: BAD}]"}),
      ElementsAre(HasSubstr("'zone' in 'expect' is no label of 'by'"), HasSubstr("unknown severity 'BAD'"),
                  HasSubstr("expected a duration")));
  EXPECT_THAT(errors({"alert: A", "expr: burn_rate(\"x\")[5m] > 1", "enabled: false"}), ElementsAre(HasSubstr("there is no SLO 'x'")));
}

TEST(Unsupported, SlosAreRefusedAndCheckedAllTheSame) {
  const std::string slo =
      "slos:\n- name: s\n  select: '{domain=\"chat\"}'\n  good: success and latency < 300ms\n  objective: 99.5%\n  window: 30d\n";
  EXPECT_THAT(texts(load_rules({{"r.yaml", slo + "  alerting: multiwindow\n"}}, {})),
              ElementsAre("r.yaml:2:1: 'slos' are not supported by this version of tocsin yet; remove the section"));
  const std::string bad =
      "slos:\n- name: s\n  select: 'domain'\n  good: success or\n  objective: 90%\n  window: 40d\n  alerting: [{long: 1h, short: 5m, "
      "factor: 14.4, severity: page}]\n";
  const std::vector<std::string> found = texts(load_rules({{"r.yaml", bad}}, {}));
  EXPECT_THAT(found, ElementsAre(HasSubstr("'slos'"), HasSubstr("r.yaml:3:12: expected matchers"),
                                 HasSubstr("r.yaml:4:19: expected an event predicate"), HasSubstr("'window' is longer"),
                                 HasSubstr("a burn rate above 14.4 can never be reached")));
}

}  // namespace
}  // namespace tocsin::rules
