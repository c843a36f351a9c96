#pragma once

// What a worker has written and a store does not have yet, laid over that store: the worker reads its own writes at once, the
// store gets them only when the log transaction that carries them is committed.
//
// A commit may be in flight on another thread while the worker already works on the next transaction. So writes are kept in
// generations: one open, and behind it the sealed ones whose batches are on their way.
//
//   put, remove ─► open ──seal()──► sealed … sealed ──release_oldest()──► gone, the base has it
//                    └──────────────────┴────────────discard_all()──────► gone, as if never written
//
// The order of a commit: batch = seal(); on the committer's thread write batch to the log, commit, base.write(batch); then, back
// on the worker's, release_oldest(). Between the last two steps both hold the same writes, which reads cannot tell. A base that
// is written by others too must give each writer key ranges of its own.
//
// Thread:     worker-confined; only the sealed batches, which never change again, are shared.
// Lifetime:   the base must outlive the overlay; iterators must go before seal() and discard_all(), and may stay across put,
//             remove, remove_range and release_oldest.
// Invariants: (1) reads give what base + sealed batches in order + open writes in order would give if all were applied;
//             (2) a sealed batch has each key at most once, in byte order, as a put or a delete, never a range delete: it goes to
//             a compacted log as it is (state/changelog.h); (3) an iterator sees the overlay as it stood at scan().
// Failure:    reads pass on the base's; remove_range that fails has changed nothing.

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "state/snapshot_map.h"
#include "state/store.h"

namespace tocsin::state {

class Overlay {
 public:
  explicit Overlay(const Store& base) : base_(base) {}

  Result<std::optional<std::string>> get(std::string_view key) const;
  // The keys k with from <= k < to; `to` empty: to the end.
  std::unique_ptr<Iterator> scan(std::string_view from, std::string_view to) const;

  void put(std::string key, std::string value);
  void remove(std::string key);
  // Removes the keys that scan(from, to) gives, one by one: its cost is that of the scan.
  Status remove_range(std::string_view from, std::string_view to);

  // Closes the open generation, be it empty, and opens the next. The batch is what has to be committed.
  std::shared_ptr<const WriteBatch> seal();
  // The base has the batch of the oldest sealed generation (there must be one).
  void release_oldest();
  // Forgets everything, sealed generations too: the transaction was aborted. None of them may reach the base afterwards.
  void discard_all();

  size_t sealed_generations() const { return sealed_.size(); }
  bool open_empty() const { return open_.empty(); }
  // Keys written in the open generation: operations of its batch.
  size_t open_count() const { return open_.size(); }
  // Memory held by the open generation, and by all.
  size_t open_bytes() const { return open_.bytes(); }
  size_t bytes() const { return sealed_bytes_ + open_.bytes(); }

 private:
  class Walk;
  struct Generation {
    std::shared_ptr<const WriteBatch> batch;
    size_t bytes;
  };

  const Store& base_;
  SnapshotMap open_;
  std::deque<Generation> sealed_;  // oldest first
  size_t sealed_bytes_ = 0;
};

}  // namespace tocsin::state
