#pragma once

// Where the decoded text of a scalar stands in its file: line folding, indentation and escapes undone.

#include <string_view>
#include <vector>

#include "engine/base/yaml/document.h"

namespace tocsin::yaml {

// One mark for each byte of scalar.text, and one for its end.
std::vector<Mark> locate_scalar(std::string_view source, const Node& scalar);

}  // namespace tocsin::yaml
