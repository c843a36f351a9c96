#pragma once

// A rule file after parsing and checking (SPEC 3). Immutable; shared by stage 1 (views) and stage 2 (verdicts).

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "operators/rules/ast.h"

namespace tocsin::rules {

enum class NoData { kOk, kKeep, kAlert };

struct AlertRule {
  std::string name;
  std::string group;      // of the rule group it stands in
  std::string expr_text;  // as written
  Expr expr;
  std::optional<Expr> resolve;
  std::vector<std::string> by;  // as written, no duplicates
  Duration interval;            // multiple of the resolution
  Duration hold;                // `for`
  Duration keep_firing_for;
  Duration cooldown;
  int64_t min_events = 0;  // 0: not set
  NoData no_data = NoData::kOk;
  std::string severity = "WARN";
  bool enabled = true;
  std::optional<Duration> group_retention;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;  // templates, unexpanded; parsed once at load to find errors
  std::string file;
  Position position;
};

struct RuleSet {
  std::vector<AlertRule> rules;  // in the order of the files; enabled and disabled
};

// One finding of the loader. `text` is complete: "rules/chat.yaml:7:13: unknown key 'exprr' in a rule; did you mean 'expr'?".
struct Finding {
  // A note is no mistake: it says what a reader of the rule may want to know, such as a verdict that hangs on an estimate.
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kError;
  std::string text;
  std::string file;  // as passed to load_rules(); `text` begins with it
};

// What the loader has to know of the configuration.
struct LoadOptions {
  Duration resolution{250};
  Duration max_window{35LL * 24 * 3600 * 1000};
  std::vector<std::string> severities = {"INFO", "WARN", "ERROR", "CRITICAL"};
};

struct LoadResult {
  RuleSet rules;                  // complete only if there is no error
  std::vector<Finding> findings;  // all of them, in the order of files and lines
  bool ok() const;                // no error among them
};

// Reads and checks rule files. `files`: pairs of (name shown in messages, content).
LoadResult load_rules(const std::vector<std::pair<std::string, std::string>>& files, const LoadOptions& options);

}  // namespace tocsin::rules
