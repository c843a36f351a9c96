#include "engine/runtime/incidents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/runtime/detection.h"

namespace tocsin {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pointee;

std::string error_of(std::string_view text) { return parse_incidents(text, "i.csv").status().message(); }

TEST(Incidents, AreReadByTheNamesOfTheColumns) {
  const Result<IncidentFile> file = parse_incidents(
      "name,start,end,domain,region,rule\n"
      "a,2026-01-31T08:00:00Z,2026-01-31T08:12:00+00:00,wallet,eu,\n"
      ",1769850000000,1769850000000,search,,SearchSlow\n",
      "i.csv");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_THAT(file->label_columns, ElementsAre("domain", "region"));
  ASSERT_EQ(file->incidents.size(), 2U);
  const Incident& first = file->incidents[0];
  EXPECT_EQ(first.name, "a");
  EXPECT_EQ(first.start.ms, 1'769'846'400'000);
  EXPECT_EQ(first.end.ms, 1'769'847'120'000);
  EXPECT_EQ(first.rule, "");
  EXPECT_THAT(first.labels, ElementsAre(std::pair<const std::string, std::string>("domain", "wallet"),
                                        std::pair<const std::string, std::string>("region", "eu")));
  const Incident& second = file->incidents[1];
  EXPECT_EQ(second.start.ms, 1'769'850'000'000);
  EXPECT_EQ(second.rule, "SearchSlow");
  EXPECT_THAT(second.labels, ElementsAre(std::pair<const std::string, std::string>("domain", "search")));
  EXPECT_EQ(second.line, 3U);
}

TEST(Incidents, CsvIsThatOfRfc4180) {
  const Result<IncidentFile> file = parse_incidents(
      "\xEF\xBB\xBFstart,end,name,\"a,b\"\r\n1,2,\"say \"\"hi\"\",\r\nthen go\",x\r\n\r\n3,4,\"\",\"\"\r\n5,6,last,y", "i.csv");
  ASSERT_TRUE(file.ok()) << file.status().message();
  ASSERT_EQ(file->incidents.size(), 3U);
  EXPECT_EQ(file->incidents[0].name, "say \"hi\",\r\nthen go");
  EXPECT_EQ(file->incidents[0].labels.at("a,b"), "x");
  EXPECT_EQ(file->incidents[1].line, 5U);
  EXPECT_THAT(file->incidents[1].labels, IsEmpty());
  EXPECT_EQ(file->incidents[2].name, "last");
}

TEST(Incidents, MistakesAreToldWithTheirLines) {
  EXPECT_EQ(error_of("start,end\nnow,2\n3,x\n5,4\n6\n"),
            "i.csv:2: start 'now' is neither a time such as 2026-01-31T08:00:00Z nor Unix milliseconds\n"
            "i.csv:3: end 'x' is neither a time such as 2026-01-31T08:00:00Z nor Unix milliseconds\n"
            "i.csv:4: the end is before the start\n"
            "i.csv:5: 1 fields, but the header has 2");
  EXPECT_THAT(error_of("start,end\n1,\n"), HasSubstr("i.csv:2: end '' is neither"));
  EXPECT_THAT(error_of("start,end\n1,2,\"x\n"), HasSubstr("i.csv:2: a quoted field that never ends"));
  EXPECT_THAT(error_of("start,end\n1,\"2\"x\n"), HasSubstr("i.csv:2: text behind the closing quote"));
  EXPECT_THAT(error_of("start,end\n1,2\"x\n"), HasSubstr("i.csv:2: a quote inside a field"));
  EXPECT_THAT(error_of("begin,end\n1,2\n"), HasSubstr("i.csv:1: there is no column 'start'"));
  EXPECT_THAT(error_of("start,end,end\n"), HasSubstr("i.csv:1: two columns are called 'end'"));
  EXPECT_THAT(error_of("start,end,\n"), HasSubstr("i.csv:1: column 3 has no name"));
  EXPECT_THAT(error_of(""), HasSubstr("i.csv:1: the file is empty"));
  EXPECT_TRUE(parse_incidents("start,end\n", "i.csv").ok());
}

TEST(Incidents, OfVeryManyMistakesSomeAreShown) {
  std::string text = "start,end\n";
  for (int i = 0; i < 50; ++i) text += "x,1\n";
  EXPECT_THAT(error_of(text), HasSubstr("\ni.csv: and 30 more"));
}

// --- detection ---

v1::AlertEvent alert(const std::string& rule, int64_t starts_s, const std::map<std::string, std::string>& labels = {},
                     const std::string& state = "firing") {
  v1::AlertEvent event;
  event.set_rule(rule);
  event.set_state(state);
  event.set_starts_at(format_rfc3339(starts_s * 1000));
  for (const auto& [name, value] : labels) (*event.mutable_labels())[name] = value;
  return event;
}

Incident incident(int64_t start_s, int64_t end_s, const std::map<std::string, std::string>& labels = {}, const std::string& rule = "") {
  Incident made;
  made.start = {start_s * 1000};
  made.end = {end_s * 1000};
  made.labels = labels;
  made.rule = rule;
  return made;
}

TEST(Detection, CountsFiringsAndIncidentsByRuleAndTogether) {
  const std::vector<Incident> incidents = {incident(100, 200), incident(300, 400), incident(500, 600), incident(700, 800)};
  const std::vector<v1::AlertEvent> alerts = {
      alert("A", 110), alert("A", 110, {}, "resolved"), alert("A", 150), alert("B", 120), alert("A", 250), alert("A", 340), alert("B", 505),
  };
  const DetectionReport report = judge(incidents, {"A", "B", "C"}, alerts, Duration{0});
  const Detection& a = report.rules[0];
  EXPECT_EQ(a.firings, 4U);
  EXPECT_EQ(a.matched, 3U);
  EXPECT_EQ(*a.precision(), 0.75);
  EXPECT_EQ(a.incidents, 4U);
  EXPECT_EQ(a.detected, 2U);
  EXPECT_EQ(*a.recall(), 0.5);
  EXPECT_EQ(a.delay_median->ms, 10'000);  // of 10 s and 40 s
  EXPECT_EQ(a.delay_max->ms, 40'000);
  const Detection& b = report.rules[1];
  EXPECT_EQ(*b.precision(), 1.0);
  EXPECT_EQ(b.detected, 2U);
  EXPECT_EQ(b.delay_median->ms, 5'000);
  const Detection& c = report.rules[2];
  EXPECT_FALSE(c.precision());
  EXPECT_EQ(*c.recall(), 0.0);
  EXPECT_FALSE(c.delay_median);
  EXPECT_EQ(report.all.firings, 6U);
  EXPECT_EQ(report.all.matched, 5U);
  EXPECT_EQ(report.all.detected, 3U);
  EXPECT_EQ(report.all.delay_median->ms, 10'000);  // of 5 s, 10 s and 40 s
  EXPECT_THAT(report.missed, ElementsAre(Pointee(Field(&Incident::start, EventTime{700'000}))));
}

TEST(Detection, AnIncidentLastsFromItsStartToItsEndAndTheGrace) {
  const std::vector<Incident> incidents = {incident(100, 200)};
  const auto detected = [&](int64_t starts_s, int64_t grace_s) {
    return judge(incidents, {"A"}, {alert("A", starts_s)}, Duration{grace_s * 1000}).rules[0].detected == 1;
  };
  EXPECT_FALSE(detected(99, 10));
  EXPECT_TRUE(detected(100, 0));
  EXPECT_TRUE(detected(200, 0));
  EXPECT_FALSE(detected(201, 0));
  EXPECT_TRUE(detected(210, 10));
  EXPECT_FALSE(detected(211, 10));
}

TEST(Detection, LabelsMustNotDiffer) {
  const std::vector<Incident> incidents = {incident(100, 200, {{"domain", "wallet"}, {"pod", "p1"}})};
  const auto detected = [&](const std::map<std::string, std::string>& labels) {
    return judge(incidents, {"A"}, {alert("A", 150, labels)}, Duration{0}).rules[0].detected == 1;
  };
  EXPECT_TRUE(detected({}));
  EXPECT_TRUE(detected({{"domain", "wallet"}, {"region", "eu"}}));
  EXPECT_FALSE(detected({{"domain", "chat"}}));
  EXPECT_FALSE(detected({{"domain", "wallet"}, {"pod", "p2"}}));
}

TEST(Detection, AnIncidentMayBelongToOneRule) {
  const std::vector<Incident> incidents = {incident(100, 200, {}, "B"), incident(300, 400)};
  const DetectionReport report = judge(incidents, {"A", "B"}, {alert("A", 150)}, Duration{0});
  EXPECT_EQ(report.rules[0].incidents, 1U);
  EXPECT_EQ(report.rules[0].matched, 0U);
  EXPECT_EQ(report.rules[1].incidents, 2U);
  EXPECT_EQ(report.all.detected, 0U);
  EXPECT_EQ(report.missed.size(), 2U);
}

TEST(Detection, OneFiringMayMatchSeveralIncidentsAndCountsOnce) {
  const DetectionReport report = judge({incident(100, 200), incident(140, 160)}, {"A"}, {alert("A", 150)}, Duration{0});
  EXPECT_EQ(report.all.matched, 1U);
  EXPECT_EQ(report.all.detected, 2U);
  EXPECT_EQ(report.all.delay_median->ms, 10'000);
  EXPECT_EQ(report.all.delay_max->ms, 50'000);
}

TEST(Detection, OfNothingNothingIsSaid) {
  const DetectionReport report = judge({}, {"A"}, {}, Duration{0});
  EXPECT_FALSE(report.all.precision());
  EXPECT_FALSE(report.all.recall());
  EXPECT_FALSE(report.all.delay_max);
}

}  // namespace
}  // namespace tocsin
