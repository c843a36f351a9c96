#pragma once

// What the groups of a process cost stage 2, known to stage 1 before it makes any more of them (docs/adr/0009).
//
// Stage 2 may not refuse a row, so stage 1 has to ask. Both stages hold groups in one ledger, each under its identity (hash_group), with
// the bytes that it takes in stage 2 at most: stage 1 for as long as its tables have the group, stage 2 for as long as it remembers it. So
// a group that several workers see, or that is on its way from one stage to the other, counts once.
//
// A port: the one ledger of a process is shared by threads that nothing here knows of (engine/runtime/shared_ledger.h).
//
// Thread:     any.
// Lifetime:   outlives all that hold groups in it.
// Invariants: a group counts from the first hold() until the last drop().
// Failure:    none.

#include <cstddef>
#include <cstdint>

namespace tocsin {

class GroupLedger {
 public:
  // Of the ledger itself, by group: a slot of 16 bytes and its control byte in a table that has just grown.
  static constexpr size_t kBytesByGroup = 40;

  virtual ~GroupLedger() = default;

  // Bytes taken in stage 2 by the groups at hand, and how many they may take.
  virtual size_t used() const = 0;
  virtual size_t limit() const = 0;
  // Stage 2 has told of all that it remembers from before the process started.
  virtual bool complete() const { return true; }
  virtual bool holds(uint64_t group) const = 0;
  // `bytes` counts only if nobody holds the group yet.
  virtual void hold(uint64_t group, size_t bytes) = 0;
  virtual void drop(uint64_t group) = 0;
};

}  // namespace tocsin
