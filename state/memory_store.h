#pragma once

// A Store in a sorted map: for backtest, demo and tests. It keeps nothing beyond its own life, so flush() has nothing to do.
//
// Thread:     any; readers do not wait for one another.
// Lifetime:   iterators must go before the store.
// Invariants: (1) a batch is seen whole or not at all; (2) an iterator sees the store as it stood at scan().
// Failure:    none; a range delete without an end is a programmer's error.

#include <shared_mutex>

#include "state/snapshot_map.h"
#include "state/store.h"

namespace tocsin::state {

class MemoryStore : public Store {
 public:
  Result<std::optional<std::string>> get(std::string_view key) const override;
  std::unique_ptr<Iterator> scan(std::string_view from, std::string_view to) const override;
  Status write(const WriteBatch& batch) override;
  Status flush() override { return {}; }

 private:
  class Walk;

  mutable std::shared_mutex mutex_;
  SnapshotMap map_;
};

}  // namespace tocsin::state
