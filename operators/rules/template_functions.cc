#include "operators/rules/template_functions.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/base/time.h"
#include "operators/rules/go_format.h"

namespace tocsin::rules {
namespace {

using Arguments = std::span<const TemplateValue>;

constexpr size_t kMaxResultBytes = 64 * 1024;

TemplateResult text_result(std::string text, bool known = true) {
  return {.value = {.content = std::move(text), .known = known}, .error = ""};
}
TemplateResult failure(std::string why) { return {.value = {}, .error = std::move(why)}; }

bool all_known(Arguments arguments) {
  return std::all_of(arguments.begin(), arguments.end(), [](const TemplateValue& v) { return v.known; });
}

const std::string* as_text(const TemplateValue& value) { return std::get_if<std::string>(&value.content); }
const std::string& text_of(const TemplateValue& value) { return std::get<std::string>(value.content); }

std::string type_name(const TemplateValue& value) {
  constexpr std::array<std::string_view, 6> kNames = {"nothing", "a text", "a number", "a number", "true or false", "all labels"};
  return std::string(kNames[value.content.index()]);
}

// Numbers, and texts that are numbers.
struct Converted {
  double number = 0;
  std::string error;
};

Converted to_number(const TemplateValue& value) {
  if (const auto* number = std::get_if<double>(&value.content)) return {*number, ""};
  if (const auto* integer = std::get_if<int64_t>(&value.content)) return {static_cast<double>(*integer), ""};
  const std::string* text = as_text(value);
  if (text == nullptr) return {0, fmt::format("it takes a number, not {}", type_name(value))};
  if (!value.known) return {};
  if (const std::optional<double> number = go::parse_float(*text)) return {*number, ""};
  return {0, fmt::format("'{}' is no number", *text)};
}

// A function of one number.
template <std::string (*Format)(double)>
TemplateResult of_number(Arguments arguments) {
  const Converted converted = to_number(arguments[0]);
  if (!converted.error.empty()) return failure(converted.error);
  return text_result(Format(converted.number), arguments[0].known);
}

// A function of one text.
template <std::string (*Map)(std::string_view)>
TemplateResult of_text(Arguments arguments) {
  const std::string* text = as_text(arguments[0]);
  if (text == nullptr) return failure(fmt::format("it takes a text, not {}", type_name(arguments[0])));
  return text_result(Map(*text), arguments[0].known);
}

// `number` brought to 1 … base by prefixes, as many as there are.
template <size_t N>
std::string with_larger_prefix(double number, double base, const std::array<std::string_view, N>& prefixes) {
  std::string_view prefix;
  for (const std::string_view next : prefixes) {
    if (std::fabs(number) < base) break;
    prefix = next;
    number /= base;
  }
  return go::format_four_digits(number) + std::string(prefix);
}

std::string with_smaller_prefix(double number) {
  std::string_view prefix;
  for (const std::string_view next : {"m", "u", "n", "p", "f", "a", "z", "y"}) {
    if (std::fabs(number) >= 1) break;
    prefix = next;
    number *= 1000;
  }
  return go::format_four_digits(number) + std::string(prefix);
}

constexpr std::array<std::string_view, 8> kDecimalPrefixes = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
constexpr std::array<std::string_view, 8> kBinaryPrefixes = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};

std::string humanize(double number) {
  if (number == 0 || !std::isfinite(number)) return go::format_four_digits(number);
  return std::fabs(number) >= 1 ? with_larger_prefix(number, 1000, kDecimalPrefixes) : with_smaller_prefix(number);
}

std::string humanize_1024(double number) {
  if (std::fabs(number) <= 1 || !std::isfinite(number)) return go::format_four_digits(number);
  return with_larger_prefix(number, 1024, kBinaryPrefixes);
}

// Seconds as days, hours, minutes and whole seconds, or with four digits below a minute.
std::string humanize_duration(double seconds) {
  if (!std::isfinite(seconds)) return go::format_four_digits(seconds);
  if (seconds == 0) return go::format_four_digits(seconds) + "s";
  if (std::fabs(seconds) < 1) return with_smaller_prefix(seconds) + "s";
  const std::string_view sign = seconds < 0 ? "-" : "";
  const double length = std::fabs(seconds);
  constexpr double kTooLong = 9.2e18;  // beyond 64-bit seconds
  if (length < 60 || length > kTooLong) return fmt::format("{}{}s", sign, go::format_four_digits(length));
  const auto whole = static_cast<int64_t>(length);
  const int64_t second = whole % 60;
  const int64_t minute = whole / 60 % 60;
  const int64_t hour = whole / 3600 % 24;
  const int64_t day = whole / 86'400;
  if (day != 0) return fmt::format("{}{}d {}h {}m {}s", sign, day, hour, minute, second);
  if (hour != 0) return fmt::format("{}{}h {}m {}s", sign, hour, minute, second);
  return fmt::format("{}{}m {}s", sign, minute, second);
}

std::string humanize_percentage(double number) { return go::format_four_digits(number * 100) + "%"; }

// Unix seconds as Go prints a time: 2015-06-23 13:19:44.128 +0000 UTC.
TemplateResult humanize_timestamp(Arguments arguments) {
  const Converted converted = to_number(arguments[0]);
  if (!converted.error.empty()) return failure(converted.error);
  const double seconds = converted.number;
  if (!std::isfinite(seconds)) return text_result(go::format_four_digits(seconds), arguments[0].known);
  const double nanoseconds = seconds * 1e9;
  if (std::fabs(nanoseconds) >= static_cast<double>(std::numeric_limits<int64_t>::max())) {
    return failure(fmt::format("{} is no time between the years 1677 and 2262", go::format_float(seconds)));
  }
  std::string text = format_rfc3339(static_cast<int64_t>(nanoseconds) / 1'000'000);
  text[text.find('T')] = ' ';
  text.pop_back();  // Z
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text_result(text + " +0000 UTC", arguments[0].known);
}

// Texts in all arguments, the first of them a regular expression.
std::string check_pattern(Arguments arguments, const re2::RE2& pattern) {
  return arguments[0].known && !pattern.ok() ? fmt::format("'{}' is no regular expression: {}", pattern.pattern(), pattern.error()) : "";
}

std::string check_texts(Arguments arguments) {
  for (const TemplateValue& argument : arguments) {
    if (as_text(argument) == nullptr) return fmt::format("it takes texts, not {}", type_name(argument));
  }
  return "";
}

TemplateResult match(Arguments arguments) {
  if (std::string error = check_texts(arguments); !error.empty()) return failure(std::move(error));
  const re2::RE2 pattern(text_of(arguments[0]), re2::RE2::Quiet);
  if (std::string error = check_pattern(arguments, pattern); !error.empty()) return failure(std::move(error));
  const bool found = pattern.ok() && re2::RE2::PartialMatch(text_of(arguments[1]), pattern);
  return {.value = {.content = found, .known = all_known(arguments)}, .error = ""};
}

TemplateResult re_replace_all(Arguments arguments) {
  if (std::string error = check_texts(arguments); !error.empty()) return failure(std::move(error));
  const re2::RE2 pattern(text_of(arguments[0]), re2::RE2::Quiet);
  if (std::string error = check_pattern(arguments, pattern); !error.empty()) return failure(std::move(error));
  if (!all_known(arguments)) return text_result("", false);
  std::optional<std::string> text = go::replace_all(pattern, text_of(arguments[2]), text_of(arguments[1]), kMaxResultBytes);
  if (!text) return failure(fmt::format("its result is longer than {} bytes", kMaxResultBytes));
  return text_result(*std::move(text));
}

// index $labels "name": for names that $labels.name cannot write.
TemplateResult index(Arguments arguments) {
  const auto* labels = std::get_if<TemplateValue::Labels>(&arguments[0].content);
  const std::string* name = as_text(arguments[1]);
  if (labels == nullptr || name == nullptr) return failure("it takes $labels and the name of a label in quotes");
  const auto found = (*labels)->find(*name);
  return text_result(found == (*labels)->end() ? "" : found->second, all_known(arguments));
}

constexpr std::array<TemplateFunction, 11> kFunctions = {{
    {"humanize", 1, of_number<humanize>},
    {"humanize1024", 1, of_number<humanize_1024>},
    {"humanizeDuration", 1, of_number<humanize_duration>},
    {"humanizePercentage", 1, of_number<humanize_percentage>},
    {"humanizeTimestamp", 1, humanize_timestamp},
    {"title", 1, of_text<go::title>},
    {"toUpper", 1, of_text<go::to_upper>},
    {"toLower", 1, of_text<go::to_lower>},
    {"match", 2, match},
    {"reReplaceAll", 3, re_replace_all},
    {"index", 2, index},
}};

std::string print_labels(const std::map<std::string, std::string>& labels) {
  std::string text = "map[";
  for (const auto& [name, value] : labels) text += fmt::format("{}{}:{}", text.size() > 4 ? " " : "", name, value);
  return text + "]";
}

}  // namespace

const TemplateFunction* find_template_function(std::string_view name) {
  const auto* found = std::find_if(kFunctions.begin(), kFunctions.end(), [&](const TemplateFunction& f) { return f.name == name; });
  return found == kFunctions.end() ? nullptr : found;
}

std::vector<std::string_view> template_function_names() {
  std::vector<std::string_view> names;
  names.reserve(std::size(kFunctions));
  for (const TemplateFunction& function : kFunctions) names.push_back(function.name);
  return names;
}

TemplateResult call_template_function(const TemplateFunction& function, Arguments arguments) {
  if (arguments.size() != function.arguments) {
    return failure(fmt::format("it takes {} argument{}, not {}", function.arguments, function.arguments == 1 ? "" : "s", arguments.size()));
  }
  for (const TemplateValue& argument : arguments) {
    if (std::holds_alternative<TemplateValue::None>(argument.content)) return {};
  }
  return function.call(arguments);
}

std::string print_template_value(const TemplateValue& value) {
  if (const auto* text = as_text(value)) return *text;
  if (const auto* integer = std::get_if<int64_t>(&value.content)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value.content)) return go::format_float(*number);
  if (const auto* truth = std::get_if<bool>(&value.content)) return *truth ? "true" : "false";
  if (const auto* labels = std::get_if<TemplateValue::Labels>(&value.content)) return print_labels(**labels);
  return "";
}

}  // namespace tocsin::rules
