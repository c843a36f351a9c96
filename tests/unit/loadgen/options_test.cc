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

TEST(LoadOptions, ASuitableBatchNeverSpansMoreThanATenthOfASecond) {
  EXPECT_EQ(suitable_batch(5), 1U);
  EXPECT_EQ(suitable_batch(500), 50U);
  EXPECT_EQ(suitable_batch(1'000'000), 100U);
}

}  // namespace
}  // namespace tocsin::loadgen
