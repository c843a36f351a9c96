#include "engine/base/yaml/problems.h"

#include <fmt/format.h>

#include <algorithm>

namespace tocsin::yaml {

void Problems::add(Mark mark, std::string_view text) {
  if (full()) {
    ++left_out_;
    return;
  }
  kept_.push_back({mark, document_.message(mark, text)});
}

std::vector<Problem> Problems::sorted() const {
  std::vector<Problem> problems = kept_;
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) { return a.mark < b.mark; });
  if (left_out_ > 0) problems.push_back({problems.back().mark, fmt::format("{}: and {} more", document_.file, left_out_)});
  return problems;
}

Status Problems::status() const {
  if (empty()) return {};
  std::string text;
  for (const Problem& problem : sorted()) text += (text.empty() ? "" : "\n") + problem.text;
  return invalid_argument(std::move(text));
}

}  // namespace tocsin::yaml
