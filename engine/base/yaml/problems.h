#pragma once

// All that is wrong with one file, so that a user sees it in one go.
//
// Thread:     confined to one reading.
// Lifetime:   the document has to outlive it.
// Invariants: every text is complete ("file:line:column: …"); at most kMaxProblems are kept, the others only counted.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/base/yaml/document.h"

namespace tocsin::yaml {

inline constexpr size_t kMaxProblems = 100;  // of one file

struct Problem {
  Mark mark;
  std::string text;
};

class Problems {
 public:
  explicit Problems(const Document& document) : document_(document) {}

  void add(Mark mark, std::string_view text);

  bool empty() const { return kept_.empty(); }
  // Whether further ones are only counted, so that their texts need not be made.
  bool full() const { return kept_.size() >= kMaxProblems; }
  // In the order of the file; a last one says how many were left out, if any.
  std::vector<Problem> sorted() const;
  // OK if there are none, else kInvalidArgument with all of them, a line each.
  Status status() const;

 private:
  const Document& document_;
  std::vector<Problem> kept_;
  size_t left_out_ = 0;
};

}  // namespace tocsin::yaml
