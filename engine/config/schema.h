#pragma once

// The keys of the configuration, each with the function that reads its value: the one list of what there is.
//
// Thread: any; nothing changes.

#include <string_view>
#include <vector>

#include "engine/config/config.h"
#include "engine/config/values.h"

namespace tocsin::config {

struct Key {
  std::string_view path;  // full name, such as "time.resolution"
  MaybeProblem (*read)(const yaml::Node& value, Config& config);
};

// The key of that full name, or null. Not those under "kafka.", which are librdkafka's properties.
const Key* find_key(std::string_view path);

// The names that may stand directly below `section` ("" is the top), sections among them; none if there is no such section.
std::vector<std::string_view> names_in(std::string_view section);

}  // namespace tocsin::config
