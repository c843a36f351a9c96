#include "engine/loadgen/incidents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::loadgen {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Incidents, AListIsReadWithAllItsKinds) {
  const auto incidents = parse_incidents(
      "- {at: 20s, for: 15s, domain: wallet, error_rate: 60%}\n"
      "- {at: 1m, for: 30s, domain: chat, region: eu, latency_factor: 16}\n"
      "- {at: 2m, for: 20s, domain: api, silence: true}\n",
      "incidents.yaml");
  ASSERT_TRUE(incidents.ok()) << incidents.status().message();
  ASSERT_EQ(incidents->size(), 3U);
  const Incident& errors = incidents->at(0);
  EXPECT_EQ(errors.at.ms, 20'000);
  EXPECT_EQ(errors.length.ms, 15'000);
  EXPECT_EQ(errors.domain, "wallet");
  EXPECT_EQ(errors.region, "");
  EXPECT_EQ(errors.kind, Incident::Kind::kErrorRate);
  EXPECT_EQ(errors.amount, 0.6);
  EXPECT_EQ(incidents->at(1).region, "eu");
  EXPECT_EQ(incidents->at(1).kind, Incident::Kind::kLatencyFactor);
  EXPECT_EQ(incidents->at(1).amount, 16);
  EXPECT_EQ(incidents->at(2).kind, Incident::Kind::kSilence);
}

TEST(Incidents, OneAloneNeedsNoList) {
  EXPECT_EQ(parse_incidents("{at: 20s, for: 15s, domain: wallet, error_rate: 0.25}", "--incident")->front().amount, 0.25);
  EXPECT_TRUE(parse_incidents("", "empty.yaml")->empty());
}

TEST(Incidents, AllMistakesAreToldWithTheirPlaces) {
  const auto incidents = parse_incidents(
      "- {at: 20s, for: soon, domain: wallet, error_rate: 160%}\n"
      "- {at: 20s, domain: wallet, silence: true, latency_facto: 2}\n"
      "- {at: 20s, for: 1s, domain: wallet, silence: true, latency_factor: 2}\n"
      "- hello\n",
      "i.yaml");
  EXPECT_THAT(incidents.status().message(),
              AllOf(HasSubstr("i.yaml:1:18: "), HasSubstr("i.yaml:1:52: 'error_rate' must be a share"), HasSubstr("'for'"),
                    HasSubstr("unknown key 'latency_facto' in an incident; did you mean 'latency_factor'?"),
                    HasSubstr("i.yaml:3:3: an incident has exactly one of"), HasSubstr("i.yaml:4:3: ")));
}

TEST(Incidents, AnIncidentWithoutEffectIsAMistake) {
  EXPECT_THAT(parse_incidents("{at: 1s, for: 1s, domain: a}", "f").status().message(), HasSubstr("exactly one of"));
  EXPECT_THAT(parse_incidents("{at: 1s, for: 1s, domain: a, silence: false}", "f").status().message(), HasSubstr("exactly one of"));
}

TEST(Numbers, SharesArePercentagesOrFractions) {
  EXPECT_EQ(parse_share("60%"), 0.6);
  EXPECT_EQ(parse_share("0.5"), 0.5);
  EXPECT_EQ(parse_share("1"), 1);
  for (const char* bad : {"", "%", "1.1", "101%", "-1%", "nan", "1e-1", "x", "5 %"}) EXPECT_EQ(parse_share(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace tocsin::loadgen
