#pragma once

// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin {

struct CodePoint {
  char32_t value = 0;
  size_t bytes = 0;
};

// The code point that begins at byte `offset` (< text.size()), or nothing if the bytes there are no UTF-8.
std::optional<CodePoint> utf8_at(std::string_view text, size_t offset);

// The first byte that is not UTF-8, or nothing if all is well.
std::optional<size_t> find_invalid_utf8(std::string_view text);

// How many code points begin in `text`: columns, as editors count them.
size_t count_code_points(std::string_view text);

// Appends `value` (a Unicode scalar value) to `out`; false, and nothing done, if it is none.
bool append_utf8(std::string& out, char32_t value);

}  // namespace tocsin
