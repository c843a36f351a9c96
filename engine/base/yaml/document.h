#pragma once

// One YAML file as a tree whose nodes know where they stand. For rule files and configuration, so: strict, and safe with hostile text.
//
// Not supported, and refused rather than guessed: several documents in a file, tags, keys that are no scalars, merge keys.
// Anchors and aliases work; what they expand to counts against the limits.
//
// yaml-cpp does the parsing and stays behind document.cc. It was preferred to libfyaml because its failures are exceptions, which can
// be turned into a Status, where libfyaml's may be failed assertions, which end the process. Our nesting limit bounds its recursion.
//
// Thread:   a Document is immutable after parse().
// Lifetime: Nodes live in their Document.
// Failure:  parse() says what and where.

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"

namespace tocsin::yaml {

inline constexpr size_t kMaxFileBytes = 1U << 20U;
inline constexpr int kMaxNesting = 64;
inline constexpr size_t kMaxNodes = 200'000;          // with aliases expanded
inline constexpr size_t kMaxScalarBytes = 4U << 20U;  // of all scalars together, with aliases expanded

// A place in a file, both from 1; columns count code points.
struct Mark {
  int line = 0;
  int column = 0;
  friend auto operator<=>(const Mark&, const Mark&) = default;
};

struct Entry;

struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  Kind kind = Kind::kNull;
  Mark mark{1, 1};             // where it begins; of a file without any node its first place
  std::string text;            // kScalar: decoded
  bool plain = false;          // kScalar: written without quotes, so it may be a number or a boolean
  size_t offset = 0;           // byte of the file where the node begins
  std::vector<Node> items;     // kSequence
  std::vector<Entry> entries;  // kMapping, in the order of the file; keys may repeat

  bool is_scalar() const { return kind == Kind::kScalar; }
  // As messages name it: "a mapping", "the string "x"", "'5'" if it is written without quotes, "nothing".
  std::string describe() const;
};

struct Entry {
  Node key;  // always a scalar
  Node value;
};

struct Document {
  std::string file;    // as shown in messages
  std::string source;  // the whole text
  Node root;

  // Where each byte of a scalar's decoded text stands in the file, and last where it ends. Exact in every style, except behind a numeric
  // escape in double quotes: from there on it is the start of the scalar.
  std::vector<Mark> marks_of(const Node& scalar) const;
  // "file:line:column: text".
  std::string message(Mark mark, std::string_view text) const;
};

// Parses one file. An error's message is complete: "rules/x.yaml:3:5: …".
Result<Document> parse(std::string file, std::string text);

}  // namespace tocsin::yaml
