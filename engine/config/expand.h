#pragma once

// Environment variables in configuration values: ${NAME}, and $${ for a plain "${".
//
// Thread: pure but for the environment that is passed in.

#include <string>
#include <string_view>
#include <vector>

#include "engine/config/config.h"

namespace tocsin::config {

struct Expansion {
  std::string text;
  std::vector<std::string> unset;  // names of variables that are not set
  bool malformed = false;          // a "${" that no name and brace follow
};

Expansion expand(std::string_view text, const Environment& environment);

}  // namespace tocsin::config
