#include "engine/runtime/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/temporary_directory.h"

namespace tocsin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string rule(const std::string& name, const std::string& expr, const std::string& more = "") {
  return "groups:\n- name: g\n  rules:\n  - alert: " + name + "\n    expr: " + expr + "\n" + more;
}

std::optional<std::string> environment(std::string_view name) {
  return name == "HOSTNAME" ? std::optional<std::string>("host-1") : std::nullopt;
}

class Check : public ::testing::Test {
 protected:
  // A file on disk, as the command would pass it on.
  TextFile write(const std::string& name, const std::string& text) {
    const std::string path = directory_.file(name);
    std::ofstream(path) << text;
    return {path, text};
  }

  std::vector<std::string> lines(const std::vector<TextFile>& files) {
    report_ = check_files(files, environment);
    std::vector<std::string> shown;
    for (std::string line : report_.lines) {
      const std::string prefix = directory_.file("");
      for (size_t at = line.find(prefix); at != std::string::npos; at = line.find(prefix)) line.erase(at, prefix.size());
      shown.push_back(line);
    }
    return shown;
  }

  const TemporaryDirectory directory_;
  CheckReport report_;
};

TEST_F(Check, SaysNothingOfSoundFiles) {
  const TextFile rules = write("r.yaml", rule("A", "count[5m] > 5"));
  EXPECT_THAT(lines({write("tocsin.yaml", "rules: [r.yaml]\n")}), IsEmpty());
  EXPECT_EQ(report_.configurations, 1U);
  EXPECT_EQ(report_.rule_files, 1U);
  EXPECT_EQ(report_.rules, 1U);
  EXPECT_THAT(lines({rules}), IsEmpty());
  EXPECT_EQ(report_.configurations, 0U);
}

TEST_F(Check, TellsAllMistakesOfAllFilesInTheirOrder) {
  const std::vector<TextFile> files = {write("a.yaml", rule("A", "p99[5m] > 2 * p99[1h]")),
                                       write("tocsin.yaml", "memry: 1GiB\ntime: {resolution: 300ms}\nrules: [b.yaml]\n"),
                                       write("c.yaml", "groups: [\n")};
  write("b.yaml", rule("B", "foo[5m]"));
  EXPECT_THAT(lines(files), ElementsAre(StartsWith("a.yaml:5:11: warning: a quantile without 'min_events'"),
                                        StartsWith("a.yaml:5:11: note: 'expr' of A hangs on an estimate"),
                                        "tocsin.yaml:1:1: error: unknown key 'memry'; did you mean 'memory'?",
                                        StartsWith("tocsin.yaml:2:20: error: time.resolution: must divide 1s"),
                                        StartsWith("b.yaml:5:11: error: unknown aggregate 'foo'"), StartsWith("c.yaml:2:1: error: ")));
  EXPECT_EQ(report_.errors, 4U);
  EXPECT_EQ(report_.warnings, 1U);
  EXPECT_EQ(report_.notes, 1U);
}

TEST_F(Check, AFileThatIsNeitherIsAnError) {
  EXPECT_THAT(lines({write("x.yaml", "gruops: []\n")}), ElementsAre(HasSubstr("x.yaml:1:1: error: neither a configuration")));
  EXPECT_THAT(report_.lines, ElementsAre(HasSubstr("did you mean 'groups'?")));
  EXPECT_THAT(lines({write("x.yaml", "- a\n")}), ElementsAre(HasSubstr("x.yaml:1:1: error: neither a configuration")));
  EXPECT_THAT(lines({write("x.yaml", "")}), ElementsAre("x.yaml:1:1: warning: the file holds no rules"));
}

TEST_F(Check, RulesAreHeldAgainstTheirConfiguration) {
  const TextFile config =
      write("tocsin.yaml", "rules: [r.yaml]\nalerts: {severities: [P2, P1]}\ntime: {resolution: 1s}\nstate: {max_window: 1h}\n");
  const TextFile rules = write("r.yaml", rule("A", "count[2h] > 5", "    severity: P1\n    interval: 1500ms\n"));
  const auto expected = ElementsAre("r.yaml:5:11: error: the window [2h] is longer than state.max_window, 1h",
                                    StartsWith("r.yaml:7:15: error: 'interval' is a multiple of the resolution of 1s"));
  EXPECT_THAT(lines({config}), expected);
  EXPECT_THAT(lines({rules, config}), expected);  // named beside it: once
  EXPECT_THAT(lines({config, write("other.yaml", rule("A", "count[2h] > 5", "    severity: P1\n"))}),
              ElementsAre(HasSubstr("r.yaml:5"), HasSubstr("r.yaml:7"), StartsWith("other.yaml:5:11: error: the window [2h]")));
  EXPECT_THAT(lines({rules}), ElementsAre(StartsWith("r.yaml:6:15: error: unknown severity 'P1'")));
}

TEST_F(Check, RuleFilesOfTwoConfigurationsAreToldOnce) {
  write("r.yaml", rule("A", "foo[5m]"));
  const std::vector<TextFile> both = {write("one.yaml", "rules: [r.yaml]\n"), write("two.yaml", "rules: [r.yaml]\n")};
  EXPECT_THAT(lines(both), ElementsAre(HasSubstr("unknown aggregate 'foo'")));
  EXPECT_EQ(report_.rule_files, 1U);
}

TEST_F(Check, AConfigurationNeedsRules) {
  EXPECT_THAT(lines({write("tocsin.yaml", "app: x\nrules: [none/*.yaml]\n")}),
              ElementsAre("tocsin.yaml:2:1: error: rules: none/*.yaml fits no file"));
  write("r.yaml", rule("A", "count[5m] > 5", "    enabled: false\n"));
  EXPECT_THAT(lines({write("tocsin.yaml", "rules: [r.yaml]\n")}),
              ElementsAre("tocsin.yaml:1:1: error: there is no enabled rule in the rule files, so there is nothing to do"));
}

TEST_F(Check, OneNameInTwoFilesIsAnErrorWhereTheyAreUsedTogether) {
  const std::string one = rule("A", "count[5m] > 5");
  EXPECT_THAT(lines({write("a.yaml", one), write("b.yaml", one)}),
              ElementsAre("b.yaml:4:12: error: there is another rule 'A' at a.yaml:4:12"));
  EXPECT_THAT(lines({write("a.yaml", one), write("a.yaml", one)}), IsEmpty());  // named twice
}

TEST(FindingLine, PutsTheSeverityBehindThePlace) {
  using Severity = rules::Finding::Severity;
  EXPECT_EQ(finding_line(Severity::kError, "a.yaml", "a.yaml:7:13: bad: x"), "a.yaml:7:13: error: bad: x");
  EXPECT_EQ(finding_line(Severity::kWarning, "a.yaml", "a.yaml: too large"), "a.yaml: warning: too large");
  EXPECT_EQ(finding_line(Severity::kNote, "a.yaml", "a.yaml:7: 13 things"), "a.yaml:7: note: 13 things");
  EXPECT_EQ(finding_line(Severity::kError, "C:1:2.yaml", "C:1:2.yaml:3:4: x"), "C:1:2.yaml:3:4: error: x");
  EXPECT_EQ(finding_line(Severity::kError, "a.yaml", "something else"), "error: something else");
}

}  // namespace
}  // namespace tocsin
