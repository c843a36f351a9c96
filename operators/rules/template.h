#pragma once

// Templates of annotations: text with {{ $labels.name }}, {{ $value }}, and pipes of Prometheus' functions
// ({{ $value | humanizePercentage }}).

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/status.h"

namespace tocsin::rules {

// Checks a template without expanding it; the error says what and at which column of the text.
Status check_template(std::string_view text);

// Expands a template that check_template() accepted. `value` absent prints nothing; an unknown label prints nothing. Where a function
// cannot use its argument (humanize of a label that is no number), the whole result is "<error expanding template: …>", as in Prometheus.
std::string expand_template(std::string_view text, const std::map<std::string, std::string>& labels, std::optional<double> value);

}  // namespace tocsin::rules
