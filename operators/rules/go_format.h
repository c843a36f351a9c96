#pragma once

// Numbers and letters as Go's fmt, strings and regexp packages treat them: annotations shall read as those of Prometheus do.

#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace tocsin::go {

// %v of a float64: the shortest digits that read back as the same number, with an exponent below 1e-4 and from 1e+06 on.
std::string format_float(double number);
// %.4g.
std::string format_four_digits(double number);
// strconv.ParseFloat.
std::optional<double> parse_float(std::string_view text);
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
// strings.Title: the first letter of every word.
std::string title(std::string_view text);
// Regexp.ReplaceAllString: $1, ${1} and ${name} in `replacement` stand for groups, $$ for a dollar. Nothing if the result would be longer
// than `limit` bytes.
std::optional<std::string> replace_all(const re2::RE2& pattern, std::string_view text, std::string_view replacement, size_t limit);

}  // namespace tocsin::go
