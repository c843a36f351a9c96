#pragma once

// Versions of what is stored: a newer process beside an older one, or before it, works or is refused, and is never misread.
//
// A number is raised by whoever changes what an older process would read wrongly; what it may ignore without harm raises nothing
// (docs/state-format.md, "Versions"). Metadata of stage 1's offsets carries a version of its own (partition_clock.h).
//
// Thread:  pure functions.
// Failure: kDataLoss for what a newer process wrote, with what to do.

#include <cstdint>
#include <string_view>

#include "engine/base/status.h"
#include "engine/base/test_switches.h"

namespace tocsin {

// Written now, and read up to it. Rows of the evaluator's state, their keys, and how they are written to the changelog; in each position
// row. 2: sketches of five seconds may be left out (Level::stores_sketches in plan.h), which a reader of 1 would not miss.
inline uint32_t state_format() { return 2 + test_switches::formats_ahead(); }
// In each frame.
inline uint32_t frame_format() { return 1 + test_switches::formats_ahead(); }

Status check_state_format(uint32_t format, uint32_t partition);
Status check_frame_format(uint32_t format, std::string_view worker, uint32_t partition, int64_t offset);

// A position row of a partition is at `offset` of its changelog, and was written at `least` or behind.
Status check_changelog_whole(uint32_t partition, int64_t offset, int64_t least);
// A record of a partition's changelog, before it is copied to the store: one of our rows, and no position row of a newer format, or of a
// changelog that has lost its end since.
Status check_changelog_record(std::string_view key, std::string_view value, uint32_t partition, int64_t offset);

}  // namespace tocsin
