#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operators/rules/rule.h"

namespace tocsin::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The findings of one kind about one rule of these lines; there are no errors.
std::vector<std::string> findings(Finding::Severity severity, const std::vector<std::string>& lines, const std::string& more_rules = "") {
  std::string text = "groups:\n- name: g\n  rules:\n  - alert: A\n";
  for (const std::string& line : lines) text += "    " + line + "\n";
  std::vector<std::string> found;
  for (const Finding& finding : load_rules({{"r.yaml", text + more_rules}}, {}).findings) {
    EXPECT_NE(finding.severity, Finding::Severity::kError) << finding.text;
    if (finding.severity == severity) found.push_back(finding.text);
  }
  return found;
}

std::vector<std::string> warnings(const std::vector<std::string>& lines, const std::string& more_rules = "") {
  return findings(Finding::Severity::kWarning, lines, more_rules);
}

std::vector<std::string> notes(const std::vector<std::string>& lines) { return findings(Finding::Severity::kNote, lines); }

TEST(Lint, ALatencyComparedWithABareNumber) {
  EXPECT_THAT(warnings({"expr: max[5m] > 0.5"}),
              ElementsAre("r.yaml:5:21: max[5m] is compared with 0.5 without a unit, which means 0.5 ms; write 0.5ms or 0.5s"));
  EXPECT_THAT(warnings({"expr: 2 * 3 < avg[5m]"}), ElementsAre(HasSubstr("without a unit")));
  EXPECT_THAT(warnings({"expr: count(latency > 300)[5m] > 5"}), ElementsAre(HasSubstr("latency is compared with 300 without a unit")));
  EXPECT_THAT(warnings({"expr: max[5m] > 500ms and max[5m] > 2 * 1s and max[5m] > 0 and count[5m] > 3"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: max[5m] > 1.3 * max[1h]"}), IsEmpty());
}

TEST(Lint, AnExpressionOfLatenciesIsALatencyToo) {
  EXPECT_THAT(warnings({"expr: max[5m] - min[5m] > 0.5"}), ElementsAre(HasSubstr("compared with 0.5 without a unit")));
  EXPECT_THAT(warnings({"expr: 2 * avg[5m] + 100ms > 300"}), ElementsAre(HasSubstr("compared with 300 without a unit")));
  EXPECT_THAT(warnings({"expr: avg[5m] / 2 > 300"}), ElementsAre(HasSubstr("compared with 300 without a unit")));
  EXPECT_THAT(warnings({"expr: max[5m] / avg[5m] > 3"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: sum[5m] / count[5m] > 300ms"}), IsEmpty());
}

TEST(Lint, AHighQuantileWithoutMinEvents) {
  EXPECT_THAT(warnings({"expr: p99[5m] > 1s"}), ElementsAre(HasSubstr("a quantile without 'min_events'")));
  EXPECT_THAT(warnings({"expr: quantile(0.9)[5m] > 1s"}), ElementsAre(HasSubstr("a quantile without 'min_events'")));
  EXPECT_THAT(warnings({"expr: p99[5m] > 1s", "min_events: 50"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: quantile(1)[5m] > 1s"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: p50[5m] > 1s"}), IsEmpty());
}

TEST(Lint, MatchersThatNoGroupSatisfiesTogether) {
  const std::string both = "expr: count{region=\"eu\"}[5m] > 1 and count{region=\"us\"}[5m] > 1";
  EXPECT_THAT(warnings({both, "by: [region]"}), ElementsAre(HasSubstr("region=\"eu\" and region=\"us\" contradict each other")));
  EXPECT_THAT(warnings({both, "by: [domain]"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: count{region=\"eu\"}[5m] > 1 and errors{region=~\"us.*\"}[5m] > 1", "by: [region]"}),
              ElementsAre(HasSubstr("contradict")));
  EXPECT_THAT(warnings({"expr: count{region=\"eu\"}[5m] > 1 or count{region=\"us\"}[5m] > 1", "by: [region]"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: count{region=\"eu\"}[5m] > 1 and errors{region=~\"eu.*\"}[5m] > 1", "by: [region]"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: count{region=\"eu\", region!=\"eu\"}[5m] > 1"}), ElementsAre(HasSubstr("no event satisfies both")));
}

TEST(Lint, OfASumUnderAndOnePartMaySuffice) {
  EXPECT_THAT(warnings({"expr: count{region=\"us\"}[5m] + count{region=\"eu\"}[5m] > 5 and errors{region=\"eu\"}[5m] > 1", "by: [region]"}),
              IsEmpty());
  EXPECT_THAT(warnings({"expr: errors{region=\"us\"}[5m] / count{region=\"us\"}[5m] > 5% and count{region=\"eu\"}[5m] > 1", "by: [region]",
                        "no_data: keep"}),
              ElementsAre(HasSubstr("no group satisfies both")));
}

TEST(Lint, AnErrorRateAlertThatAnOutageWouldResolve) {
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%"}),
              ElementsAre(HasSubstr("r.yaml:4:12: if all traffic stops, 'A' has no value and resolves; set no_data: keep")));
  EXPECT_THAT(warnings({"expr: success_rate[5m] < 98%"}), ElementsAre(HasSubstr("if all traffic stops")));
  EXPECT_THAT(warnings({"expr: share(success and latency < 1s)[5m] < 98%"}), ElementsAre(HasSubstr("if all traffic stops")));
  EXPECT_THAT(warnings({"expr: errors[5m] / count[5m] > 2%"}), ElementsAre(HasSubstr("if all traffic stops")));
  EXPECT_THAT(warnings({"expr: 'share({error_code=~\"5..\"})[5m] > 2%'"}), ElementsAre(HasSubstr("if all traffic stops")));
  EXPECT_THAT(warnings({"expr: share(latency > 1s)[5m] > 2%"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%", "no_data: keep"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%", "no_data: alert"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2% or count[5m] == 0"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%", "resolve: count[5m] > 10 and error_rate[5m] < 1%"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%", "resolve: error_rate[5m] < 1%"}), ElementsAre(HasSubstr("if all traffic stops")));
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%", "enabled: false"}), IsEmpty());
}

TEST(Lint, ARuleBesideItThatNoticesTheOutageIsEnough) {
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%"}, "  - {alert: B, expr: 'count[5m] < 1'}\n"), IsEmpty());
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%"}, "  - {alert: B, expr: 'count[5m] > 1'}\n"),
              ElementsAre(HasSubstr("if all traffic stops")));
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%"}, "- name: h\n  rules:\n  - {alert: B, expr: 'count[5m] < 1'}\n"),
              ElementsAre(HasSubstr("if all traffic stops")));
}

TEST(Lint, ALowCountByALabelThatComesAndGoes) {
  EXPECT_THAT(warnings({"expr: count[5m] < 5", "by: [domain, version]"}),
              ElementsAre(HasSubstr("r.yaml:5:21: a low 'count' by 'version'")));
  EXPECT_THAT(warnings({"expr: 5 > rate[5m]", "by: [pod]"}), ElementsAre(HasSubstr("a low 'rate' by 'pod'")));
  EXPECT_THAT(warnings({"expr: count[5m] < 5", "by: [domain]"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: count[5m] > 5", "by: [version]"}), IsEmpty());
}

TEST(Lint, AVerdictThatHangsOnAnEstimateIsNoted) {
  EXPECT_THAT(notes({"expr: p99[5m] > 2 * p99[1h]", "min_events: 50"}),
              ElementsAre("r.yaml:5:11: 'expr' of A hangs on an estimate: quantile(0.99)[5m]; it is not compared with a constant, so its "
                          "t-digest decides"));
  EXPECT_THAT(notes({"expr: 2 * p99[5m] > 500ms", "min_events: 50"}), ElementsAre(HasSubstr("quantile(0.99)[5m]")));
  EXPECT_THAT(notes({"expr: count[5m] > 3 and p50[5m] + 0ms"}), ElementsAre(HasSubstr("quantile(0.5)[5m]")));
  EXPECT_THAT(notes({"expr: count[5m] > 3", "resolve: p50[5m] < avg[5m]"}), ElementsAre(HasSubstr("'resolve' of A hangs on an estimate")));
}

TEST(Lint, AQuantileComparedWithAConstantIsExact) {
  EXPECT_THAT(notes({"expr: p99[5m] > 500ms and 2 * 1s > p50[5m] and not (p90[5m] == 3ms)", "min_events: 50"}), IsEmpty());
  EXPECT_THAT(notes({"expr: max[5m] > 2 * avg[5m]"}), IsEmpty());
}

TEST(Lint, TemplatesInLabels) {
  EXPECT_THAT(warnings({"expr: count[5m] > 5", "labels: {x: '{{ $value }}'}"}), ElementsAre(HasSubstr("only annotations are templates")));
}

}  // namespace
}  // namespace tocsin::rules
