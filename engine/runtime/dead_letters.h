#pragma once

// Dead letters as records of <app>.dead-letters (SPEC 1).
//
// Thread: pure functions.

#include <string>

#include "engine/log/log.h"
#include "operators/event/event.h"

namespace tocsin {

// The value is cut to that many bytes.
inline constexpr size_t kDeadLetterBytesMax = 900'000;

// `source` and `offset` are those of the message that the letter is of.
log::OutRecord make_dead_letter(const DeadLetter& letter, const log::TopicPartition& source, int64_t offset, const std::string& topic);

}  // namespace tocsin
