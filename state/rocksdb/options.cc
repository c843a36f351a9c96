#include "state/rocksdb/options.h"

#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <functional>
#include <string_view>
#include <utility>

namespace tocsin::state {
namespace {

constexpr size_t kKiB = size_t{1} << 10;
constexpr size_t kMiB = size_t{1} << 20;

// One being filled, up to two being flushed. RocksDB holds writers back when all are full, so their sum is a bound.
constexpr int kMemtables = 3;

size_t memtables_bytes(size_t budget) { return budget / 4; }
size_t memtable_bytes(size_t budget) { return memtables_bytes(budget) / kMemtables; }

// Reservations are made in units of 256 KiB that fall on shards at random: with small shards some would be overbooked, and the
// cache would grow beyond its capacity.
int shard_bits(size_t budget) {
  constexpr size_t kShardBytesMin = 8 * kMiB;
  const size_t shards = std::clamp<size_t>(budget / kShardBytesMin, 1, 64);
  return static_cast<int>(std::bit_width(shards)) - 1;
}

rocksdb::BlockBasedTableOptions table_options(const MemoryBudget& budget) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = budget.cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = false;  // pinned blocks would not heed the budget
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.optimize_filters_for_memory = true;
  table.block_size = 16 * kKiB;  // most values are columnar blocks of that size and above: smaller ones only lengthen the index
  table.format_version = 5;
  return table;
}

void set_sizes(rocksdb::Options& db, size_t budget) {
  db.write_buffer_size = memtable_bytes(budget);
  db.max_write_buffer_number = kMemtables;
  db.arena_block_size = std::clamp(db.write_buffer_size / 64, 32 * kKiB, kMiB);
  db.target_file_size_base = std::clamp(budget / 8, 2 * kMiB, 64 * kMiB);
  db.max_bytes_for_level_base = std::max(4 * db.write_buffer_size, 4 * db.target_file_size_base);
  db.level_compaction_dynamic_level_bytes = true;
  // RocksDB 7.8 may hang after a stop for too many level-0 files (fixed in 8.7), so such a stop is kept far away.
  db.level0_slowdown_writes_trigger = 40;
  db.level0_stop_writes_trigger = 120;
}

// RocksDB's own log file is not used, and not only because nobody reads it: Debian's build keeps the assertions, and one of them
// ends the process when that log is written to a full disk a second time.
class WarningLogger : public rocksdb::Logger {
 public:
  explicit WarningLogger(std::function<void(std::string_view)> on_warning)
      : rocksdb::Logger(rocksdb::WARN_LEVEL), on_warning_(std::move(on_warning)) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> text;
    const int size = std::vsnprintf(text.data(), text.size(), format, arguments);
    if (size > 0 && on_warning_) on_warning_(std::string_view(text.data(), std::min(static_cast<size_t>(size), text.size() - 1)));
  }
  void LogHeader(const char*, va_list) override {}  // the list of all options, whatever the level

 private:
  const std::function<void(std::string_view)> on_warning_;
};

void set_logging(rocksdb::Options& db, const std::function<void(std::string_view)>& on_warning) {
  db.info_log = std::make_shared<WarningLogger>(on_warning);
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.max_manifest_file_size = 16 * kMiB;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
}

rocksdb::CompressionType best_compression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  const bool has_lz4 = std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

}  // namespace

MemoryBudget::MemoryBudget(size_t bytes) {
  rocksdb::LRUCacheOptions cache_options;
  cache_options.capacity = bytes;
  cache_options.num_shard_bits = shard_bits(bytes);
  cache_options.high_pri_pool_ratio = 0.5;
  cache_options.strict_capacity_limit = false;  // strict, reads would fail when a burst of memtables fills it
  cache = rocksdb::NewLRUCache(cache_options);
  memtables = std::make_shared<rocksdb::WriteBufferManager>(memtables_bytes(bytes), cache);
}

rocksdb::Options make_options(const RocksDbOptions& options, const MemoryBudget& budget) {
  rocksdb::Options db;
  db.create_if_missing = true;
  db.paranoid_checks = true;
  db.max_open_files = options.max_open_files;
  db.max_background_jobs = 2;
  db.bytes_per_sync = kMiB;  // spreads the writing of large files, so that no sync at their end holds everything up
  db.compression = best_compression();
  db.write_buffer_manager = budget.memtables;
  db.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(budget)));
  set_sizes(db, options.memory_bytes);
  if (options.memtable_bytes != 0) db.write_buffer_size = options.memtable_bytes;
  if (options.env != nullptr) db.env = options.env;
  set_logging(db, options.on_warning);
  return db;
}

}  // namespace tocsin::state
