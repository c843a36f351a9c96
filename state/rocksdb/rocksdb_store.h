#pragma once

// The Store of a running process: one RocksDB, one column family, no write-ahead log.
//
// Durable is the changelog, not this: the log position stands in the same batch as the data, so after a crash the store goes on
// from whatever position it finds. What it must guarantee is that it holds exactly the batches up to that position. One column
// family does: memtables reach the disk whole and in order. (Several without a write-ahead log lost data in a trial.)
// kill -9 loses the batches since the last memtable that was flushed; flush() bounds how many; when to call it is the caller's
// business.
//
// Thread:     any.
// Lifetime:   iterators must go before the store. An iterator keeps the files and memtables it walks: make it short.
// Invariants: (1) what is read after a crash is the effect of the first n batches written, n at least what it was at the last
//             successful flush(); (2) block cache and memtables together stay within memory_bytes, but for short excesses of a
//             few blocks an iterator pins; (3) a directory is open in one store at a time.
// Failure:    open: kInvalidArgument for a directory that cannot be used or a budget that is too small, kUnavailable if it is in
//             use. Later, with reads going on as far as they can:
//               kUnavailable  a full disk: nothing is lost, repeat the call; within seconds of there being room it succeeds.
//               kInternal     a write to the disk failed otherwise, and this store takes no more: end the process. The next one
//                             finds what the last good flush() left, or more, and catches up from the changelog.
//               kDataLoss     damaged files, at open or when the damage is first read: final, the directory has to go.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "state/store.h"

namespace rocksdb {
class Env;
}

namespace tocsin::state {

struct RocksDbOptions {
  static constexpr size_t kMemoryBytesMin = size_t{4} << 20;

  std::string path;  // made if it is not there
  size_t memory_bytes = size_t{64} << 20;
  int max_open_files = 512;
  // RocksDB's warnings and errors, from any of its threads, also while the store is being opened and closed. May be empty.
  std::function<void(std::string_view)> on_warning = {};
  // For tests: another file system, in which the directory then lies. It outlives the store, and is not locked.
  rocksdb::Env* env = nullptr;
  size_t memtable_bytes = 0;  // for tests: less than the share of memory_bytes, so that flushes come sooner
};

// Of now, for metrics. Reading it costs a few locks, no I/O.
struct RocksDbStatistics {
  uint64_t memory_budget_bytes = 0;
  uint64_t memtable_bytes = 0;
  uint64_t block_cache_bytes = 0;         // data, index and filter blocks, without what memtables have reserved in it
  uint64_t block_cache_pinned_bytes = 0;  // of the cache with reservations: in use right now, not evictable
  uint64_t table_readers_bytes = 0;       // outside the budget
  uint64_t live_data_bytes_estimate = 0;  // compressed
  uint64_t sst_bytes = 0;                 // on disk, with what compaction has still to drop
  uint64_t compaction_pending_bytes = 0;
  uint64_t background_errors = 0;  // since open
  uint64_t write_slowdowns = 0;    // since open: writes that were held back, because flushes or compactions could not keep up
  uint64_t write_stops = 0;        // since open: and those that had to wait for them
  bool writes_stopped = false;
};

class RocksDbStore : public Store {
 public:
  static Result<std::unique_ptr<RocksDbStore>> open(const RocksDbOptions& options);

  RocksDbStore(const RocksDbStore&) = delete;
  RocksDbStore& operator=(const RocksDbStore&) = delete;
  // As close(); an error is lost, as a crash would lose it.
  ~RocksDbStore() override;

  Result<std::optional<std::string>> get(std::string_view key) const override;
  std::unique_ptr<Iterator> scan(std::string_view from, std::string_view to) const override;
  Status write(const WriteBatch& batch) override;
  Status flush() override;

  // flush(), then gives the directory up, whatever flush() said. Nothing but the destructor may follow.
  Status close();

  RocksDbStatistics statistics() const;

 private:
  struct Handles;

  RocksDbStore(std::string path, std::unique_ptr<Handles> handles);

  const std::string path_;
  std::unique_ptr<Handles> handles_;  // null once closed
};

}  // namespace tocsin::state
