#pragma once

// What the checks of one rule file find.

#include <string_view>

#include "engine/base/yaml/problems.h"
#include "operators/rules/ast.h"

namespace tocsin::rules {

struct Report {
  explicit Report(const yaml::Document& document) : errors(document), warnings(document), notes(document) {}

  void error(Position position, std::string_view text) { errors.add({position.line, position.column}, text); }
  void warning(Position position, std::string_view text) { warnings.add({position.line, position.column}, text); }
  void note(Position position, std::string_view text) { notes.add({position.line, position.column}, text); }

  yaml::Problems errors;
  yaml::Problems warnings;
  yaml::Problems notes;
};

inline Position to_position(yaml::Mark mark) { return {mark.line, mark.column}; }

}  // namespace tocsin::rules
