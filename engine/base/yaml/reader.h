#pragma once

// Strict reading of YAML nodes: what is not asked for is an unknown key, what has the wrong type is an error, and all errors of a file
// are found in one go.
//
//   MappingReader rule(node, "a rule", problems);
//   const auto name = rule.text("alert", MappingReader::kRequired);
//   const auto hold = rule.duration("for").value_or(Duration{0});
//   rule.finish();                                                  // 7:13: unknown key 'exprr' in a rule; did you mean 'expr'?
//
// Every reader returns nothing for a key that is not there, and nothing plus a problem for a value that cannot be used. A key without a
// value ("for:") is a mistake, not an absent key.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "engine/base/yaml/document.h"
#include "engine/base/yaml/problems.h"

namespace tocsin::yaml {

// Lengths beyond a hundred years are mistakes, and would make sums of times overflow.
inline constexpr Duration kMaxDuration{36'500LL * 24 * 3600 * 1000};

// Values of single nodes. `what` names the value in messages: "'for'", "an entry of 'by'".

// Any scalar, as written: 1.10 stays "1.10" and true "true".
std::optional<std::string> read_text(const Node& node, std::string_view what, Problems& problems);
// true or false, without quotes.
std::optional<bool> read_boolean(const Node& node, std::string_view what, Problems& problems);
// A decimal integer from `least` to `most`, without quotes.
std::optional<int64_t> read_integer(const Node& node, std::string_view what, int64_t least, int64_t most, Problems& problems);
// 90s, 1h30m, "1.5s" or 0.
std::optional<Duration> read_duration(const Node& node, std::string_view what, Problems& problems);
// The items of a sequence; an empty list and a problem if it is none.
const std::vector<Node>& read_sequence(const Node& node, std::string_view what, Problems& problems);
// A mapping of scalars with any keys.
std::optional<std::map<std::string, std::string>> read_text_map(const Node& node, std::string_view what, Problems& problems);

// One mapping with a fixed set of keys: those that are asked for.
class MappingReader {
 public:
  enum Presence { kOptional, kRequired };

  // `what` names the mapping in messages: "a rule". A node that is no mapping is a problem, and then everything is absent.
  MappingReader(const Node& node, std::string what, Problems& problems);

  // Whether the node is a mapping at all.
  bool ok() const { return node_.kind == Node::Kind::kMapping; }
  Mark mark() const { return node_.mark; }

  // The value of `key`, whatever it is; null if it is not there.
  const Node* node(std::string_view key, Presence presence = kOptional);

  std::optional<std::string> text(std::string_view key, Presence presence = kOptional);
  std::optional<bool> boolean(std::string_view key, Presence presence = kOptional);
  std::optional<int64_t> integer(std::string_view key, int64_t least = std::numeric_limits<int64_t>::min(),
                                 int64_t most = std::numeric_limits<int64_t>::max(), Presence presence = kOptional);
  std::optional<Duration> duration(std::string_view key, Presence presence = kOptional);
  std::optional<std::map<std::string, std::string>> text_map(std::string_view key, Presence presence = kOptional);

  // Reports the keys that nobody asked for. Call it last.
  void finish();

 private:
  const Node& node_;
  std::string what_;
  Problems& problems_;
  std::vector<std::string> known_;  // keys asked for, in that order
};

}  // namespace tocsin::yaml
