#pragma once

// What can be said of configuration and rule files without a broker (`tocsin check`).
//
// A file is a configuration or a rule file by its top-level keys. With a configuration its own rules are checked as `tocsin run` would,
// with its severities, its resolution and its longest window. Rule files that no configuration names are checked together: with the
// options of the configuration beside them if there is just one, else with the defaults.
//
// Thread: pure but for finding and reading the files that a configuration names.

#include <string>
#include <string_view>
#include <vector>

#include "engine/config/config.h"
#include "operators/rules/rule.h"

namespace tocsin {

struct TextFile {
  std::string name;  // as shown in messages; relative paths in a configuration start from its directory
  std::string text;
};

struct CheckReport {
  // "file:line:column: error: text", also with warning and note; in the order of the files, a configuration's rules behind it.
  std::vector<std::string> lines;
  size_t configurations = 0;
  size_t rule_files = 0;
  size_t rules = 0;
  size_t errors = 0;
  size_t warnings = 0;
  size_t notes = 0;
};

CheckReport check_files(const std::vector<TextFile>& files, const config::Environment& environment);

// The line of a finding: its severity put behind the place. `text` is complete and begins with the name of `file`.
std::string finding_line(rules::Finding::Severity severity, std::string_view file, std::string_view text);
std::string finding_line(const rules::Finding& finding);

}  // namespace tocsin
