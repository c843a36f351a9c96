#pragma once

#include <cstddef>

namespace tocsin::log {

// Readable bytes that every in-process log keeps behind a record's value, for parsers that load whole SIMD registers.
inline constexpr size_t kRecordPadding = 64;

}  // namespace tocsin::log
