#include "engine/config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/base/yaml/suggest.h"
#include "engine/config/bytes.h"

namespace tocsin::config {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string bytes_text(int64_t bytes) {
  return bytes % (1 << 20) == 0 ? fmt::format("{}MiB", bytes >> 20) : fmt::format("{} bytes", bytes);
}

}  // namespace

Problem problem(const yaml::Node& node, std::string text) { return {node.mark, std::move(text)}; }

MaybeProblem read_text(const yaml::Node& node, std::string& out) {
  if (!node.is_scalar()) return problem(node, fmt::format("must be a text, not {}", node.describe()));
  if (node.text.empty()) return problem(node, "must not be empty");
  out = node.text;
  return std::nullopt;
}

MaybeProblem read_name(const yaml::Node& node, size_t bytes_max, std::string& out) {
  std::string text;
  if (MaybeProblem wrong = read_text(node, text)) return wrong;
  const bool characters = std::all_of(text.begin(), text.end(), is_name_character);
  const bool dots_only = text.find_first_not_of('.') == std::string::npos;
  if (!characters || dots_only || text.size() > bytes_max) {
    return problem(node, fmt::format("'{}' must have 1 to {} letters, digits and the characters . _ -", text, bytes_max));
  }
  out = std::move(text);
  return std::nullopt;
}

MaybeProblem read_texts(const yaml::Node& node, std::vector<std::string>& out) {
  if (node.kind != yaml::Node::Kind::kSequence) return problem(node, fmt::format("must be a list such as [a, b], not {}", node.describe()));
  std::vector<std::string> texts;
  for (const yaml::Node& item : node.items) {
    std::string text;
    if (MaybeProblem wrong = read_text(item, text)) return wrong;
    if (std::find(texts.begin(), texts.end(), text) != texts.end())
      return problem(item, fmt::format("'{}' stands in the list twice", text));
    texts.push_back(std::move(text));
  }
  out = std::move(texts);
  return std::nullopt;
}

MaybeProblem read_integer(const yaml::Node& node, int64_t min, int64_t max, int64_t& out) {
  int64_t value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto [stop, error] = std::from_chars(node.text.data(), end, value);
  if (!node.is_scalar() || error != std::errc() || stop != end || value < min || value > max) {
    return problem(node, fmt::format("must be a whole number from {} to {}, not {}", min, max, node.describe()));
  }
  out = value;
  return std::nullopt;
}

MaybeProblem read_integer(const yaml::Node& node, int32_t min, int32_t max, int32_t& out) {
  int64_t value = 0;
  if (MaybeProblem wrong = read_integer(node, int64_t{min}, int64_t{max}, value)) return wrong;
  out = static_cast<int32_t>(value);
  return std::nullopt;
}

MaybeProblem read_duration(const yaml::Node& node, Duration min, Duration max, Duration& out) {
  const std::optional<Duration> value = node.is_scalar() ? parse_duration(node.text) : std::nullopt;
  if (!value) return problem(node, fmt::format("must be a length of time such as 90s, 250ms or 1h30m, not {}", node.describe()));
  if (*value < min || *value > max) {
    return problem(node, fmt::format("must be from {} to {}, not {}", format_duration(min), format_duration(max), node.text));
  }
  out = *value;
  return std::nullopt;
}

MaybeProblem read_bytes(const yaml::Node& node, int64_t min, int64_t& out) {
  const std::optional<int64_t> value = node.is_scalar() ? parse_bytes(node.text) : std::nullopt;
  if (!value) return problem(node, fmt::format("must be a size such as 2GiB, 512MiB or 100MB, not {}", node.describe()));
  if (*value < min) return problem(node, fmt::format("must be at least {}, not {}", bytes_text(min), node.text));
  out = *value;
  return std::nullopt;
}

MaybeProblem read_word(const yaml::Node& node, const std::vector<std::string_view>& words, size_t& out) {
  const auto found = node.is_scalar() ? std::find(words.begin(), words.end(), node.text) : words.end();
  if (found == words.end()) {
    return problem(node, fmt::format("must be one of {}, not {}{}", fmt::join(words, ", "), node.describe(),
                                     node.is_scalar() ? did_you_mean(node.text, words) : ""));
  }
  out = static_cast<size_t>(found - words.begin());
  return std::nullopt;
}

}  // namespace tocsin::config
