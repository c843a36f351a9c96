#pragma once

// YAML values as typed settings: each function checks one value completely and says what would be right.
//
// Thread:  pure functions.
// Failure: a Problem; the output is then left as it was.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/base/yaml/document.h"

namespace tocsin::config {

// What is wrong with a value, without its key and file. `unsupported`: the value is right, but this version cannot do it yet.
struct Problem {
  yaml::Mark mark;
  std::string text;
  bool unsupported = false;
};
using MaybeProblem = std::optional<Problem>;

Problem problem(const yaml::Node& node, std::string text);

// A scalar that is not empty.
MaybeProblem read_text(const yaml::Node& node, std::string& out);
// 1 to `bytes_max` letters, digits and . _ -, and not only dots: a part of topic names, ids and paths.
MaybeProblem read_name(const yaml::Node& node, size_t bytes_max, std::string& out);
// A list of scalars, none empty, none twice.
MaybeProblem read_texts(const yaml::Node& node, std::vector<std::string>& out);
MaybeProblem read_integer(const yaml::Node& node, int64_t min, int64_t max, int64_t& out);
MaybeProblem read_integer(const yaml::Node& node, int32_t min, int32_t max, int32_t& out);
MaybeProblem read_duration(const yaml::Node& node, Duration min, Duration max, Duration& out);
MaybeProblem read_bytes(const yaml::Node& node, int64_t min, int64_t& out);

// The number among `words` of the one that is written.
MaybeProblem read_word(const yaml::Node& node, const std::vector<std::string_view>& words, size_t& out);

// One of an enum's words.
template <typename Enum>
MaybeProblem read_choice(const yaml::Node& node, std::initializer_list<std::pair<std::string_view, Enum>> choices, Enum& out) {
  std::vector<std::string_view> words;
  for (const auto& choice : choices) words.push_back(choice.first);
  size_t index = 0;
  if (MaybeProblem wrong = read_word(node, words, index)) return wrong;
  out = (choices.begin() + index)->second;
  return std::nullopt;
}

}  // namespace tocsin::config
