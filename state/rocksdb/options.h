#pragma once

// How the one RocksDB of a process is set up inside one budget of memory. Internal to this folder.
//
//   budget B = block cache; every other use is charged to it
//     memtables     at most B/4 (kMemtables of equal size), by reservation in the cache
//     index, filter blocks of the cache, in its high-priority half
//     data          what is left
// Outside of it, small and bounded: the readers of max_open_files tables, and the buffers of one flush and one compaction.

#include <rocksdb/cache.h>
#include <rocksdb/options.h>
#include <rocksdb/write_buffer_manager.h>

#include <cstddef>
#include <memory>

#include "state/rocksdb/rocksdb_store.h"

namespace tocsin::state {

struct MemoryBudget {
  explicit MemoryBudget(size_t bytes);

  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<rocksdb::WriteBufferManager> memtables;
};

rocksdb::Options make_options(const RocksDbOptions& options, const MemoryBudget& budget);

}  // namespace tocsin::state
