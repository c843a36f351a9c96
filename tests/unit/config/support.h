#pragma once

// Helpers of the configuration's tests.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/config/config.h"

namespace tocsin::config {

// An environment that holds exactly `variables`.
inline Environment environment_of(std::map<std::string, std::string, std::less<>> variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

inline Result<Config> parse(std::string_view text, const std::vector<std::string>& overrides = {}) {
  return parse_config(text, "conf/tocsin.yaml", overrides, environment_of({{"HOSTNAME", "host-1"}, {"PORT", "9093"}}));
}

inline std::string error_of(std::string_view text, const std::vector<std::string>& overrides = {}) {
  return parse(text, overrides).status().message();
}

}  // namespace tocsin::config
