#pragma once

// From byte offsets to lines and columns.

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "engine/base/yaml/document.h"

namespace tocsin::yaml {

// Finds marks of rising offsets in one pass over the text; going back starts at the beginning again.
class MarkFinder {
 public:
  explicit MarkFinder(std::string_view text) : text_(text) {}

  Mark at(size_t offset) {
    if (offset < next_) {
      next_ = 0;
      mark_ = {1, 1};
    }
    for (const size_t end = std::min(offset, text_.size()); next_ < end; ++next_) {
      const auto byte = static_cast<unsigned char>(text_[next_]);
      if (byte == '\n') {
        mark_ = {mark_.line + 1, 1};
      } else if ((byte & 0xC0U) != 0x80U) {
        ++mark_.column;
      }
    }
    // Inside of a character: its column. (No UTF-8 at all if a line begins so.)
    const bool inside = next_ < text_.size() && (static_cast<unsigned char>(text_[next_]) & 0xC0U) == 0x80U;
    return inside && mark_.column > 1 ? Mark{mark_.line, mark_.column - 1} : mark_;
  }

 private:
  std::string_view text_;
  size_t next_ = 0;
  Mark mark_{1, 1};
};

}  // namespace tocsin::yaml
