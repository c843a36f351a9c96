#include "engine/config/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/temporary_directory.h"

namespace tocsin::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RuleFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"b.yaml", "a.yaml", "c.yml"}) std::ofstream(path(name)) << name;
  }
  std::string path(const std::string& name) const { return directory_.file(name); }

  const TemporaryDirectory directory_;
};

TEST_F(RuleFilesTest, PatternsKeepTheirOrderAndFilesWithinThemAreSorted) {
  EXPECT_THAT(rule_files({path("c.yml"), path("*.yaml")}).value(), ElementsAre(path("c.yml"), path("a.yaml"), path("b.yaml")));
}

TEST_F(RuleFilesTest, AFileThatTwoPatternsFitIsReadOnce) {
  EXPECT_THAT(rule_files({path("b.yaml"), path("*.yaml")}).value(), ElementsAre(path("b.yaml"), path("a.yaml")));
}

TEST_F(RuleFilesTest, EveryPatternThatFitsNothingIsNamed) {
  const Status status = rule_files({path("x.yaml"), path("*.yaml"), path("none/*.yaml")}).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "rules: " + path("x.yaml") + " fits no file\nrules: " + path("none/*.yaml") + " fits no file");
}

TEST_F(RuleFilesTest, ADirectoryMayHaveThePatternsCharactersInItsName) {
  const std::filesystem::path odd = directory_.path() / "a[1]*\\?";
  std::filesystem::create_directories(odd);
  std::ofstream(odd / "r.yaml") << "r";
  EXPECT_THAT(rule_files({literal_pattern(odd.string()) + "/*.yaml"}).value(), ElementsAre((odd / "r.yaml").string()));
}

TEST_F(RuleFilesTest, AFileIsReadWhole) {
  EXPECT_EQ(read_file(path("a.yaml")).value(), "a.yaml");
  EXPECT_THAT(read_file(directory_.path().string()).status().message(), HasSubstr("Is a directory"));
}

}  // namespace
}  // namespace tocsin::config
