#pragma once

// String literals as Go and PromQL write them: "…" and '…' with escapes, `…` as it is.

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin::rules {

struct StringLiteral {
  std::string value;
  size_t end = 0;     // the byte after the closing quote
  std::string error;  // not empty: the literal is broken, and this says how
};

// Reads the literal whose opening quote stands at byte `begin` of `text`, which is UTF-8.
StringLiteral scan_string(std::string_view text, size_t begin);

}  // namespace tocsin::rules
