#include "engine/base/yaml/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "engine/base/yaml/suggest.h"

namespace tocsin::yaml {
namespace {

std::nullopt_t wrong(const Node& node, std::string_view expected, std::string_view what, Problems& problems) {
  problems.add(node.mark, fmt::format("expected {} for {}, found {}", expected, what, node.describe()));
  return std::nullopt;
}

std::string in_quotes(std::string_view key) { return fmt::format("'{}'", key); }

// Reports keys that stand more than once.
void check_unique(const std::vector<Entry>& entries, std::string_view what, Problems& problems) {
  std::set<std::string_view> seen;
  for (const Entry& entry : entries) {
    if (!seen.insert(entry.key.text).second) problems.add(entry.key.mark, fmt::format("key '{}' stands twice in {}", entry.key.text, what));
  }
}

// All of a plain scalar as a whole number.
bool parse_plain(const Node& node, int64_t& out) {
  if (!node.is_scalar() || !node.plain) return false;
  std::string_view text = node.text;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && !node.text.starts_with("+-");
}

}  // namespace

std::optional<std::string> read_text(const Node& node, std::string_view what, Problems& problems) {
  if (!node.is_scalar()) return wrong(node, "a text", what, problems);
  return node.text;
}

std::optional<bool> read_boolean(const Node& node, std::string_view what, Problems& problems) {
  const bool fits = node.is_scalar() && node.plain && (node.text == "true" || node.text == "false");
  if (!fits) return wrong(node, "true or false", what, problems);
  return node.text == "true";
}

std::optional<int64_t> read_integer(const Node& node, std::string_view what, int64_t least, int64_t most, Problems& problems) {
  int64_t value = 0;
  if (parse_plain(node, value) && value >= least && value <= most) return value;
  constexpr int64_t kNoLeast = std::numeric_limits<int64_t>::min();
  constexpr int64_t kNoMost = std::numeric_limits<int64_t>::max();
  std::string expected = "a whole number";
  if (least != kNoLeast && most != kNoMost) expected += fmt::format(" from {} to {}", least, most);
  if (least != kNoLeast && most == kNoMost) expected += fmt::format(" of at least {}", least);
  if (least == kNoLeast && most != kNoMost) expected += fmt::format(" of at most {}", most);
  return wrong(node, expected, what, problems);
}

std::optional<Duration> read_duration(const Node& node, std::string_view what, Problems& problems) {
  constexpr std::string_view kExpected = "a duration such as 90s or 1h30m";
  if (!node.is_scalar()) return wrong(node, kExpected, what, problems);
  if (node.text.starts_with('-')) {
    problems.add(node.mark, fmt::format("{} is negative: '{}'", what, node.text));
    return std::nullopt;
  }
  const std::optional<Duration> length = parse_duration(node.text);
  if (!length) return wrong(node, kExpected, what, problems);
  if (*length > kMaxDuration) {
    problems.add(node.mark, fmt::format("{} is longer than a hundred years: '{}'", what, node.text));
    return std::nullopt;
  }
  return length;
}

const std::vector<Node>& read_sequence(const Node& node, std::string_view what, Problems& problems) {
  static const std::vector<Node> kNone;
  if (node.kind == Node::Kind::kSequence) return node.items;
  wrong(node, "a sequence", what, problems);
  return kNone;
}

std::optional<std::map<std::string, std::string>> read_text_map(const Node& node, std::string_view what, Problems& problems) {
  if (node.kind != Node::Kind::kMapping) return wrong(node, "a mapping", what, problems);
  check_unique(node.entries, what, problems);
  std::map<std::string, std::string> texts;
  for (const Entry& entry : node.entries) {
    std::optional<std::string> text = read_text(entry.value, fmt::format("'{}' in {}", entry.key.text, what), problems);
    if (text) texts.emplace(entry.key.text, *std::move(text));
  }
  return texts;
}

MappingReader::MappingReader(const Node& node, std::string what, Problems& problems)
    : node_(node), what_(std::move(what)), problems_(problems) {
  if (!ok()) {
    wrong(node, "a mapping", what_, problems);
    return;
  }
  check_unique(node.entries, what_, problems);
}

const Node* MappingReader::node(std::string_view key, Presence presence) {
  known_.emplace_back(key);
  const auto found = std::find_if(node_.entries.begin(), node_.entries.end(), [&](const Entry& entry) { return entry.key.text == key; });
  if (found != node_.entries.end()) return &found->value;
  if (presence == kRequired && ok()) problems_.add(node_.mark, fmt::format("'{}' is missing in {}", key, what_));
  return nullptr;
}

std::optional<std::string> MappingReader::text(std::string_view key, Presence presence) {
  const Node* value = node(key, presence);
  return value ? read_text(*value, in_quotes(key), problems_) : std::nullopt;
}

std::optional<bool> MappingReader::boolean(std::string_view key, Presence presence) {
  const Node* value = node(key, presence);
  return value ? read_boolean(*value, in_quotes(key), problems_) : std::nullopt;
}

std::optional<int64_t> MappingReader::integer(std::string_view key, int64_t least, int64_t most, Presence presence) {
  const Node* value = node(key, presence);
  return value ? read_integer(*value, in_quotes(key), least, most, problems_) : std::nullopt;
}

std::optional<Duration> MappingReader::duration(std::string_view key, Presence presence) {
  const Node* value = node(key, presence);
  return value ? read_duration(*value, in_quotes(key), problems_) : std::nullopt;
}

std::optional<std::map<std::string, std::string>> MappingReader::text_map(std::string_view key, Presence presence) {
  const Node* value = node(key, presence);
  return value ? read_text_map(*value, in_quotes(key), problems_) : std::nullopt;
}

void MappingReader::finish() {
  const std::vector<std::string_view> candidates(known_.begin(), known_.end());
  for (const Entry& entry : node_.entries) {
    const std::string& key = entry.key.text;
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string suggestion = problems_.full() ? "" : did_you_mean(key, candidates);
    problems_.add(entry.key.mark, fmt::format("unknown key '{}' in {}{}", key, what_, suggestion));
  }
}

}  // namespace tocsin::yaml
