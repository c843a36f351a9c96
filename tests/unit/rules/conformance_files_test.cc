// Every rule file of the conformance scenarios in the directory $TOCSIN_SHARED/conformance loads as far as this version supports it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "engine/base/yaml/reader.h"
#include "operators/rules/parser.h"
#include "operators/rules/printer.h"
#include "operators/rules/rule.h"

namespace tocsin::rules {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// The scenario directories of one kind, or nothing if there are none on this machine.
std::vector<fs::path> scenarios(const std::string& kind) {
  const char* shared = std::getenv("TOCSIN_SHARED");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  std::vector<fs::path> found;
  if (shared == nullptr) return found;
  const fs::path root = fs::path(shared) / "conformance" / kind;
  if (!fs::is_directory(root)) return found;
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    if (fs::exists(entry.path() / "rules.yaml")) found.push_back(entry.path());
  }
  return found;
}

LoadOptions options_of(const fs::path& scenario) {
  LoadOptions options;
  Result<yaml::Document> config = yaml::parse("config.yaml", read_all(scenario / "config.yaml"));
  if (!config.ok()) return options;
  yaml::Problems problems(*config);
  yaml::MappingReader root(config->root, "a configuration", problems);
  if (const yaml::Node* time = root.node("time")) {
    options.resolution = yaml::MappingReader(*time, "time", problems).duration("resolution").value_or(options.resolution);
  }
  return options;
}

bool is_unsupported(const Finding& finding) { return finding.text.find("by this version of tocsin yet") != std::string::npos; }

// Loads every scenario of a kind; errors are allowed only where something is not supported yet.
void check_kind(const std::string& kind, size_t& files, size_t& unsupported) {
  for (const fs::path& scenario : scenarios(kind)) {
    ++files;
    const fs::path path = scenario / "rules.yaml";
    const LoadResult result = load_rules({{path.string(), read_all(path)}}, options_of(scenario));
    bool uses_unsupported = false;
    for (const Finding& finding : result.findings) {
      if (finding.severity != Finding::Severity::kError) continue;
      EXPECT_TRUE(is_unsupported(finding)) << finding.text;
      uses_unsupported = true;
    }
    if (uses_unsupported) ++unsupported;
    for (const AlertRule& rule : result.rules.rules) {
      const Parsed<Expr> again = parse_expression(to_string(rule.expr));
      ASSERT_TRUE(again.ok()) << rule.expr_text << "\n" << to_string(rule.expr) << "\n" << again.error().message;
      EXPECT_EQ(to_string(again.value()), to_string(rule.expr));
    }
  }
}

TEST(ConformanceFiles, FirstLoadWithoutErrors) {
  size_t files = 0;
  size_t unsupported = 0;
  check_kind("first", files, unsupported);
  if (files == 0) GTEST_SKIP() << "SKIPPED: no rule files in $TOCSIN_SHARED/conformance/first";
  EXPECT_EQ(unsupported, 0U);
}

TEST(ConformanceFiles, CoreLoadExceptForWhatIsNotSupportedYet) {
  size_t files = 0;
  size_t unsupported = 0;
  check_kind("core", files, unsupported);
  if (files == 0) GTEST_SKIP() << "SKIPPED: no rule files in $TOCSIN_SHARED/conformance/core";
  EXPECT_LT(unsupported, files / 2);
}

TEST(ConformanceFiles, FullParseToTheLastRule) {
  size_t files = 0;
  size_t unsupported = 0;
  check_kind("full", files, unsupported);
  if (files == 0) GTEST_SKIP() << "SKIPPED: no rule files in $TOCSIN_SHARED/conformance/full";
}

}  // namespace
}  // namespace tocsin::rules
