#include "operators/event/event.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace tocsin {
namespace {

constexpr std::array<std::string_view, kFieldCount> kFieldNames = {
    "domain",     "operation",  "error_code", "level",   "actor_type", "actor_id",
    "session_id", "request_id", "trace_id",   "span_id", "event_id",   "metric",
};
constexpr std::array<std::string_view, 5> kLevels = {"DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"};

bool equal_without_case(std::string_view text, std::string_view capitals) {
  return text.size() == capitals.size() && std::equal(text.begin(), text.end(), capitals.begin(),
                                                      [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

}  // namespace

std::optional<Field> field_by_name(std::string_view name) {
  const auto* found = std::find(kFieldNames.begin(), kFieldNames.end(), name);
  if (found == kFieldNames.end()) return std::nullopt;
  return static_cast<Field>(found - kFieldNames.begin());
}

int FieldPlan::add(std::string_view name) {
  if (const int slot = find(name); slot >= 0) return slot;
  slots_.push_back({std::string(name), field_by_name(name)});
  return size() - 1;
}

int FieldPlan::find(std::string_view name) const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::string_view canonical_level(std::string_view text) {
  for (const std::string_view level : kLevels) {
    if (equal_without_case(text, level)) return level;
  }
  return {};
}

}  // namespace tocsin
