#pragma once

// The batches of the crash test: a pure function of writer and number, so that the test can tell what a store must hold from the
// position that it finds.

#include <fmt/core.h>

#include <cstdint>
#include <string>

#include "state/key_codec.h"
#include "state/store.h"

namespace tocsin::state {

inline constexpr uint32_t kCrashWriters = 2;

inline uint64_t scramble(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

inline std::string crash_key(uint32_t writer, uint64_t slot) { return KeyWriter().u32(writer).u8(1).u64(slot).take(); }
inline std::string crash_position_key(uint32_t writer) { return KeyWriter().u32(writer).u8(0).take(); }

// Batch `number` of `writer`: puts over 2,000 keys, deletes, now and then a range delete, and the position.
inline WriteBatch crash_batch(uint32_t writer, uint64_t number) {
  WriteBatch batch;
  const uint64_t seed = scramble(number * kCrashWriters + writer + 1);
  for (uint64_t i = 0; i < 6; ++i) {
    const uint64_t choice = scramble(seed + i);
    batch.put(crash_key(writer, choice % 2000), fmt::format("{}/{}/{}", number, i, std::string(choice % 400, 'v')));
  }
  batch.remove(crash_key(writer, scramble(seed + 7) % 2000));
  if (number % 50 == 0) {
    const uint64_t from = scramble(seed + 8) % 2000;
    batch.remove_range(crash_key(writer, from), crash_key(writer, from + 100));
  }
  batch.put(crash_position_key(writer), std::to_string(number));
  return batch;
}

inline uint64_t crash_position(const Store& store, uint32_t writer) {
  const auto position = store.get(crash_position_key(writer)).value();
  return position ? std::stoull(*position) : 0;
}

}  // namespace tocsin::state
