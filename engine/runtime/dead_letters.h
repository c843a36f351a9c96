#pragma once

// Dead letters as records of <app>.dead-letters (SPEC 1).

#include <string>

#include "engine/log/log.h"
#include "operators/event/event.h"

namespace tocsin {

// The value is cut to that many bytes.
inline constexpr size_t kDeadLetterBytesMax = 900'000;

log::OutRecord make_dead_letter(const DeadLetter& letter, const log::TopicPartition& source, int64_t offset, const std::string& topic);

}  // namespace tocsin
