#pragma once

// The groups of a process, as its workers hold them: the one GroupLedger of a process (docs/adr/0009).
//
// What groups take at most is charged as they appear; what stage 2 has measured counts if it is more (pages that are kept for the few of
// their groups that are still in use).
//
// Thread:     any. One of a few locks is taken when a group appears or goes, never for an event.
// Lifetime:   outlives the workers.
// Invariants: used() is the sum over groups that somebody holds, or what was measured, whichever is more.
// Failure:    none; dropping what nobody holds is a mistake in the program.

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include <absl/container/flat_hash_map.h>

#include "operators/group_ledger.h"

namespace tocsin {

class SharedLedger final : public GroupLedger {
 public:
  // `limit`: bytes that groups may take before labels overflow. `evaluators`: workers of stage 2 that will call restored().
  SharedLedger(size_t limit, int evaluators) : limit_(limit), awaited_(evaluators) {}

  size_t used() const override { return std::max(charged_.load(std::memory_order_relaxed), measured_.load(std::memory_order_relaxed)); }
  size_t limit() const override { return limit_; }
  bool complete() const override { return awaited_.load(std::memory_order_relaxed) <= 0; }
  bool holds(uint64_t group) const override;
  void hold(uint64_t group, size_t bytes) override;
  void drop(uint64_t group) override;

  // One of stage 2's workers has joined its group, and holds the groups of the partitions that it was given.
  void restored() { awaited_.fetch_sub(1, std::memory_order_relaxed); }
  // One of stage 2's workers found that its groups take `now`, after `before` the last time.
  void measured(size_t before, size_t now) { measured_.fetch_add(now - before, std::memory_order_relaxed); }

 private:
  struct Entry {
    uint32_t bytes = 0;
    uint32_t holders = 0;
  };
  struct Shard {
    mutable std::mutex mutex;
    absl::flat_hash_map<uint64_t, Entry> groups;
  };
  static constexpr size_t kShards = 64;

  Shard& shard(uint64_t group) { return shards_[group % kShards]; }
  const Shard& shard(uint64_t group) const { return shards_[group % kShards]; }

  const size_t limit_;
  std::atomic<int> awaited_;
  std::atomic<size_t> charged_{0};
  std::atomic<size_t> measured_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace tocsin
