#pragma once

// The functions of templates, with the results of Prometheus' functions of the same names.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tocsin::rules {

// What an operand or a function yields.
struct TemplateValue {
  using Labels = const std::map<std::string, std::string>*;
  struct None {};  // of a rule without a value: prints nothing, and so does everything made from it

  std::variant<None, std::string, int64_t, double, bool, Labels> content;
  bool known = true;  // false while checking, for what depends on labels: then only its type counts
};

// A function's result, or why it has none.
struct TemplateResult {
  TemplateValue value;
  std::string error;
};

struct TemplateFunction {
  std::string_view name;
  size_t arguments;
  TemplateResult (*call)(std::span<const TemplateValue> arguments);
};

// The function of that name, or null.
const TemplateFunction* find_template_function(std::string_view name);
std::vector<std::string_view> template_function_names();

// Calls it; an argument without a value makes a result without one.
TemplateResult call_template_function(const TemplateFunction& function, std::span<const TemplateValue> arguments);

// As Go prints it (%v).
std::string print_template_value(const TemplateValue& value);

}  // namespace tocsin::rules
