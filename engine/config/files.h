#pragma once

// Small files that people write: reading them, and finding those that a configuration names.
//
// Thread: any; no state.

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"

namespace tocsin::config {

// The content of a file. kNotFound with the system's reason if it cannot be read; kInvalidArgument if it is larger than 16 MiB (then
// it is no such file: somebody named the events where the rules belong).
Result<std::string> read_file(const std::string& path);

// A pattern that fits `path` alone, whatever characters are in it.
std::string literal_pattern(std::string_view path);

// The files that Config::rules name: in the order of the patterns, sorted within one, each once. kNotFound with every pattern that
// fits no file.
Result<std::vector<std::string>> rule_files(const std::vector<std::string>& patterns);

}  // namespace tocsin::config
