#pragma once

// Which worker of this process may write a partition's rows to the store they share.
//
// A worker may learn late that a partition has moved on to another worker of the same process (it was stuck, its session ran out), with
// a committed transaction, or half a restore, still to be written to the store. Written then, old rows would replace newer ones. So a
// worker takes the lease before it restores a partition, which ends every earlier one, and writes under it. What is then not written is not
// lost: the changelog has it.
//
// Thread:     any.
// Lifetime:   StoreLeases and the store outlive the leases.
// Invariants: (1) at most one lease of a partition is valid; (2) a write under an ended lease changes nothing.
// Failure:    of the store, passed on.

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "engine/base/test_switches.h"
#include "state/store.h"

namespace tocsin {

class StoreLeases;

// The right to write one partition's rows; a value that may be copied.
class StoreLease {
 public:
  StoreLease() = default;

  // False: the lease has ended, and nothing was written.
  Result<bool> write(const state::WriteBatch& batch) const;
  int32_t partition() const { return partition_; }

 private:
  friend class StoreLeases;
  StoreLease(StoreLeases& leases, int32_t partition, uint64_t number) : leases_(&leases), partition_(partition), number_(number) {}

  StoreLeases* leases_ = nullptr;
  int32_t partition_ = 0;
  uint64_t number_ = 0;
};

class StoreLeases {
 public:
  explicit StoreLeases(state::Store& store) : store_(store) {}
  StoreLeases(const StoreLeases&) = delete;
  StoreLeases& operator=(const StoreLeases&) = delete;

  // To read from, and to flush.
  state::Store& store() { return store_; }

  // Ends every earlier lease of the partition, after a write under it that is under way.
  StoreLease take(int32_t partition) {
    const std::lock_guard lock(mutex_);
    return {*this, partition, valid_[partition] = ++last_};
  }

 private:
  friend class StoreLease;

  state::Store& store_;
  std::mutex mutex_;  // also held over each write: no lease may begin in the middle of one
  std::unordered_map<int32_t, uint64_t> valid_;
  uint64_t last_ = 0;
};

inline Result<bool> StoreLease::write(const state::WriteBatch& batch) const {
  const std::lock_guard lock(leases_->mutex_);
  if (leases_->valid_[partition_] != number_ && !test_switches::defect("lease_ignored")) return false;
  TOCSIN_RETURN_IF_ERROR(leases_->store_.write(batch));
  return true;
}

}  // namespace tocsin
