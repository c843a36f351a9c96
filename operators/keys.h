#pragma once

// Keys of the evaluator's state (docs/state-format.md). Everything of a partials partition lies under its number, so that a store is one
// sorted space and a partition is one range of it.
//
//   partition u32 | 'g' | group space u64 | group id u64                              -> GroupRow
//   partition u32 | 'p' | view u64 | part u8 | level i64 | start i64 | effect i64 | first group u64 -> PaneBlock
//   partition u32 | 'e' | window u64 | group id u64                                   -> LastEventsRow
//   partition u32 | 'i' | fingerprint u64                                             -> InstanceRow
//   partition u32 | 'z'                                                               -> PositionRow
//   partition u32 | 'c'                                                               -> changelog position (engine/runtime/restore.cc)

#include <cstdint>
#include <string>

#include "engine/base/time.h"
#include "state/key_codec.h"

namespace tocsin::keys {

// What a stored pane block holds: what can be added and subtracted, or what can only be merged.
enum class PanePart : uint8_t { kCounters = 0, kSketches = 1 };

inline state::KeyWriter of(uint32_t partition, char kind) {
  state::KeyWriter key;
  key.u32(partition).u8(static_cast<uint8_t>(kind));
  return key;
}
inline std::string groups(uint32_t partition) { return of(partition, 'g').take(); }
inline std::string group(uint32_t partition, uint64_t space, uint64_t id) { return of(partition, 'g').u64(space).u64(id).take(); }
inline std::string last_events(uint32_t partition) { return of(partition, 'e').take(); }
inline std::string last_events(uint32_t partition, uint64_t window, uint64_t group) {
  return of(partition, 'e').u64(window).u64(group).take();
}
inline std::string instances(uint32_t partition) { return of(partition, 'i').take(); }
inline std::string instance(uint32_t partition, uint64_t fingerprint) { return of(partition, 'i').u64(fingerprint).take(); }
inline std::string position(uint32_t partition) { return of(partition, 'z').take(); }

// All panes of a level, and all blocks of one pane.
inline std::string panes(uint32_t partition, uint64_t view, PanePart part, Duration level) {
  return of(partition, 'p').u64(view).u8(static_cast<uint8_t>(part)).i64(level.ms).take();
}
inline std::string panes(uint32_t partition, uint64_t view, PanePart part, Duration level, EventTime start) {
  return of(partition, 'p').u64(view).u8(static_cast<uint8_t>(part)).i64(level.ms).i64(start.ms).take();
}
inline std::string pane_block(uint32_t partition, uint64_t view, PanePart part, Duration level, EventTime start, EventTime effect,
                              uint64_t first_group) {
  return of(partition, 'p').u64(view).u8(static_cast<uint8_t>(part)).i64(level.ms).i64(start.ms).i64(effect.ms).u64(first_group).take();
}

}  // namespace tocsin::keys
