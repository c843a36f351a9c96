#pragma once

// How the configuration's `memory` is divided: the one place that says who may hold how much (docs/operations.md has the table).
//
// Thread: plain values.

#include <cstddef>
#include <cstdint>

namespace tocsin {

struct MemoryBudget {
  size_t queue_bytes = 0;     // fetched messages, each consumer
  size_t store_bytes = 0;     // the state store's cache and write buffers, the process
  size_t series_bytes = 0;    // label tuples, groups and series, each aggregate worker
  size_t lookup_bytes = 0;    // the look-up from fields to series, each aggregate worker
  size_t open_bytes = 0;      // accumulators, rows to be made of them and dead letters until the next flush, each aggregate worker; as much
                              // again is in flight
  size_t evaluate_bytes = 0;  // totals, groups, pending rows and open changes, each evaluate worker
  // Of the latter: groups and totals of all evaluate workers, which aggregate workers bound. In a process without the one or the other kind
  // it is what its counterpart with the same `memory` has.
  size_t group_bytes = 0;           // before labels overflow
  size_t overflow_group_bytes = 0;  // beyond that, for what each aggregate worker makes in an overflow
};

// What a process needs that holds nothing yet: program and libraries, and each worker's threads and clients.
size_t process_bytes(int workers);
// How many workers may share so much: with more of them, too little would be left to work with.
int workers_max(size_t memory_bytes);

// Shares of a process with so many workers of either kind; a role that it does not have leaves its share to the other.
MemoryBudget divide_memory(size_t memory_bytes, int aggregates, int evaluates);

}  // namespace tocsin
