#pragma once

// Frames of one flush: what stage 1 writes to the partials topic, one frame (in parts, if it is large) for each partition (DESIGN 3).
//
// Thread: pure functions.

#include <cstdint>
#include <string>
#include <vector>

#include "engine/log/log.h"
#include "tocsin/v1/partial.pb.h"

namespace tocsin {

// So that a part fits a Kafka message of 1 MB with room to spare.
inline constexpr size_t kFramePartBytes = 800'000;

// `header` has everything but part, parts, views; `rows_by_partition[q]` goes to partition q of `topic`, also if it is empty: every
// transaction tells every partition how far the input has been read, so that ranges are without gaps. A part is closed before its rows
// take more than `part_bytes`, unless a single one does.
std::vector<log::OutRecord> make_frames(const v1::Frame& header, std::vector<std::vector<v1::ViewRows>> rows_by_partition,
                                        const std::string& topic, size_t part_bytes = kFramePartBytes);

}  // namespace tocsin
