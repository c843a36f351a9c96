#pragma once

// Instants as people write them: on the command line, in the configuration, in files of incidents.
//
// Thread: pure function.

#include <cstdint>
#include <optional>
#include <string_view>

namespace tocsin {

// Unix milliseconds of an RFC 3339 date-time, or of Unix milliseconds in decimal. Nothing if `text` is neither, or not in the years 0 to
// 9999, beyond which no instant could be written again.
std::optional<int64_t> parse_instant(std::string_view text);

}  // namespace tocsin
