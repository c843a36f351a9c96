#pragma once

// Sizes in bytes, as people write them.

#include <cstdint>
#include <optional>
#include <string_view>

namespace tocsin::config {

// "512MiB", "1.5GiB" (powers of 1024), "100MB", "100kB" (powers of 1000), "4096", "4096B". Nothing if `text` is none, is no whole number of
// bytes, or overflows.
std::optional<int64_t> parse_bytes(std::string_view text);

}  // namespace tocsin::config
