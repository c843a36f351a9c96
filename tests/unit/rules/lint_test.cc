#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operators/rules/rule.h"

namespace tocsin::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The warnings about one rule of these lines; there are no errors.
std::vector<std::string> warnings(const std::vector<std::string>& lines, const std::string& more_rules = "") {
  std::string text = "groups:\n- name: g\n  rules:\n  - alert: A\n";
  for (const std::string& line : lines) text += "    " + line + "\n";
  std::vector<std::string> found;
  for (const Finding& finding : load_rules({{"r.yaml", text + more_rules}}, {}).findings) {
    EXPECT_EQ(finding.severity, Finding::Severity::kWarning) << finding.text;
    found.push_back(finding.text);
  }
  return found;
}

TEST(Lint, ALatencyComparedWithABareNumber) {
  EXPECT_THAT(warnings({"expr: max[5m] > 0.5"}),
              ElementsAre("r.yaml:5:21: max[5m] is compared with 0.5 without a unit, which means 0.5 ms; write 0.5ms or 0.5s"));
  EXPECT_THAT(warnings({"expr: 2 * 3 < avg[5m]"}), ElementsAre(HasSubstr("without a unit")));
  EXPECT_THAT(warnings({"expr: count(latency > 300)[5m] > 5"}), ElementsAre(HasSubstr("latency is compared with 300 without a unit")));
  EXPECT_THAT(warnings({"expr: max[5m] > 500ms and max[5m] > 2 * 1s and max[5m] > 0 and count[5m] > 3"}), IsEmpty());
  EXPECT_THAT(warnings({"expr: max[5m] > 1.3 * max[1h]"}), IsEmpty());
}

TEST(Lint, AHighQuantileWithoutMinEvents) {
  EXPECT_THAT(warnings({"expr: p99[5m] > 1s"}), ElementsAre(HasSubstr("a quantile without 'min_events'")));
  EXPECT_THAT(warnings({"expr: quantile(0.9)[5m] > 1s"}), ElementsAre(HasSubstr("a quantile without 'min_events'")));
  EXPECT_THAT(warnings({"expr: p99[5m] > 1s", "min_events: 50"}), IsEmpty());
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

TEST(Lint, AnErrorRateAlertThatAnOutageWouldResolve) {
  EXPECT_THAT(warnings({"expr: error_rate[5m] > 2%"}),
              ElementsAre(HasSubstr("r.yaml:4:12: if all traffic stops, 'A' has no value and resolves; set no_data: keep")));
  EXPECT_THAT(warnings({"expr: success_rate[5m] < 98%"}), ElementsAre(HasSubstr("if all traffic stops")));
  EXPECT_THAT(warnings({"expr: share(success and latency < 1s)[5m] < 98%"}), ElementsAre(HasSubstr("if all traffic stops")));
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

TEST(Lint, TemplatesInLabels) {
  EXPECT_THAT(warnings({"expr: count[5m] > 5", "labels: {x: '{{ $value }}'}"}), ElementsAre(HasSubstr("only annotations are templates")));
}

}  // namespace
}  // namespace tocsin::rules
