#pragma once

// Templates of annotations: text with {{ $labels.name }}, {{ $value }}, and pipes of Prometheus' functions
// ({{ $value | humanizePercentage }}).

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin::rules {

struct TemplateError {
  size_t offset = 0;    // byte of the template's text
  std::string message;  // not empty: the template is broken
};

// Parses, and checks what can be checked without labels and value: functions and their arguments. Nothing if all is well.
std::optional<TemplateError> find_template_error(std::string_view text);

// Expands a template in which find_template_error() found nothing. `value` absent prints nothing; an unknown label prints nothing. Where a
// function cannot use its argument (humanize of a label that is no number), the whole result is "<error expanding template: …>", as in
// Prometheus.
std::string expand_template(std::string_view text, const std::map<std::string, std::string>& labels, std::optional<double> value);

}  // namespace tocsin::rules
