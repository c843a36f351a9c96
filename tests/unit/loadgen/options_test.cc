#include "engine/loadgen/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::loadgen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LoadOptions valid() {
  LoadOptions options;
  options.start = EventTime{1'767'225'600'000};
  return options;
}

TEST(LoadOptions, TheDefaultsAreValidOnceThereIsAStart) {
  EXPECT_TRUE(validate(valid()).ok());
  EXPECT_THAT(validate(LoadOptions()).message(), HasSubstr("--start"));
}

TEST(LoadOptions, AValueOutOfRangeIsRefusedByTheNameOfItsFlag) {
  LoadOptions options = valid();
  options.rate = 0;
  EXPECT_THAT(validate(options).message(), HasSubstr("--rate"));
  options = valid();
  options.failure_share = 1.5;
  EXPECT_THAT(validate(options).message(), HasSubstr("--failures"));
  options = valid();
  options.regions.clear();
  EXPECT_THAT(validate(options).message(), HasSubstr("--regions"));
}

TEST(LoadOptions, AnIncidentMustNameADomainAndRegionOfTheLoad) {
  LoadOptions options = valid();
  options.incidents = {{.at = {0}, .length = {1000}, .domain = "chess", .region = {}, .kind = Incident::Kind::kSilence}};
  EXPECT_THAT(validate(options).message(), HasSubstr("'chess'"));
  options.incidents[0].domain = "chat";
  EXPECT_TRUE(validate(options).ok());
  options.incidents[0].region = "mars";
  EXPECT_THAT(validate(options).message(), HasSubstr("'mars'"));
}

TEST(LoadOptions, NamesAreAListOrANumberOfThem) {
  EXPECT_THAT(parse_names("chat,wallet", "domain").value(), ElementsAre("chat", "wallet"));
  EXPECT_THAT(parse_names("3", "domain").value(), ElementsAre("domain-0", "domain-1", "domain-2"));
  EXPECT_THAT(parse_names("3a", "domain").value(), ElementsAre("3a"));
  for (const char* bad : {"", "a,,b", "a,", "0", "a,a", "99999999999999999999"}) EXPECT_FALSE(parse_names(bad, "domain").ok()) << bad;
}

TEST(LoadOptions, ALabelIsANameWithAListOfValuesOrANumberOfThem) {
  const LoadLabel version = parse_label("version=v1,v2").value();
  EXPECT_EQ(version.name, "version");
  EXPECT_THAT(version.values, ElementsAre("v1", "v2"));
  EXPECT_THAT(parse_label("pod=2").value().values, ElementsAre("pod-0", "pod-1"));
  EXPECT_THAT(parse_label("query=a=b").value().values, ElementsAre("a=b"));
  for (const char* bad : {"", "version", "=v1", "version=", "version=a,a"}) EXPECT_FALSE(parse_label(bad).ok()) << bad;
}

TEST(LoadOptions, ALabelIsGivenOnceAndIsNotTheRegion) {
  LoadOptions options = valid();
  options.labels = {{"version", {"v1"}}, {"pod", {"a"}}};
  EXPECT_TRUE(validate(options).ok());
  options.labels[1].name = "version";
  EXPECT_THAT(validate(options).message(), HasSubstr("--label version is given twice"));
  options.labels = {{"region", {"eu"}}};
  EXPECT_THAT(validate(options).message(), HasSubstr("--regions"));
  options.labels.assign(kLoadLabelsMax + 1, {});
  EXPECT_THAT(validate(options).message(), HasSubstr("--label"));
}

TEST(LoadOptions, ASuitableBatchNeverSpansMoreThanATenthOfASecond) {
  EXPECT_EQ(suitable_batch(5), 1U);
  EXPECT_EQ(suitable_batch(500), 50U);
  EXPECT_EQ(suitable_batch(1'000'000), 100U);
}

}  // namespace
}  // namespace tocsin::loadgen
