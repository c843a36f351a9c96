#pragma once

// One group's sketch in a stored block of many (tocsin.v1.PaneBlock), without reading the others': a block holds up to 16 KiB of them, and
// an alert asks for one group in some dozens of blocks.
//
// Thread:  any; nothing is shared.
// Failure: bytes that are no such block, or a damaged sketch of that group, are kDataLoss. What the block holds of other groups is not
// judged.

#include <cstdint>
#include <string_view>

#include "engine/base/status.h"
#include "operators/sketch/sketch_parts.h"
#include "operators/sketch/window_sketch.h"

namespace tocsin {

// Adds the group's latencies to `sketches` and its extremes to `extremes`; nothing if the block does not have the group.
Status merge_from_block(std::string_view block, uint64_t group, WindowSketch& extremes, SketchMerger& sketches);

}  // namespace tocsin
