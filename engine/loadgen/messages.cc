#include "engine/loadgen/messages.h"

#include <algorithm>
#include <optional>

namespace tocsin::loadgen {

Messages::Messages(LoadOptions options) : generator_(std::move(options)), encoder_(generator_.options()) {}

uint64_t Messages::count() const {
  if (options().events == 0) return UINT64_MAX;
  return (options().events - 1) / options().batch + 1;
}

uint64_t Messages::end_of(uint64_t j) const {
  const uint64_t end = (j + 1) * options().batch;
  return options().events == 0 ? end : std::min(end, options().events);
}

void Messages::make(uint64_t j, Message& message) {
  message.partition = static_cast<int32_t>(j % static_cast<uint64_t>(options().partitions));
  message.events = 0;
  encoder_.begin(message.value);
  for (uint64_t k = j * options().batch; k < end_of(j); ++k) {
    const std::optional<LoadEvent> event = generator_.event(k);
    if (!event) continue;
    encoder_.add(*event, message.value);
    ++message.events;
  }
  encoder_.end(message.value);
}

EventTime Messages::due(uint64_t j) const { return generator_.due(end_of(j) - 1); }

}  // namespace tocsin::loadgen
