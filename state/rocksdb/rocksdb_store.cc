#include "state/rocksdb/rocksdb_store.h"

#include <fmt/core.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <charconv>
#include <map>
#include <utility>

#include "engine/base/test_switches.h"
#include "state/rocksdb/directory_lock.h"
#include "state/rocksdb/options.h"
#include "state/rocksdb/status.h"

namespace tocsin::state {
namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

rocksdb::ReadOptions read_options() {
  rocksdb::ReadOptions options;
  options.verify_checksums = !test_switches::defect("checksums_not_verified");
  return options;
}

class Walk : public Iterator {
 public:
  Walk(rocksdb::DB& db, const std::string& path, std::string_view from, std::string_view to) : path_(path), end_(to), end_slice_(end_) {
    rocksdb::ReadOptions options = read_options();
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    iterator_.reset(db.NewIterator(options));
    // RocksDB leaves a seek beyond the upper bound undefined.
    if (end_.empty() || from < end_) iterator_->Seek(slice(from));
  }

  bool valid() const override { return iterator_->Valid(); }
  void next() override { iterator_->Next(); }
  std::string_view key() const override { return view(iterator_->key()); }
  std::string_view value() const override { return view(iterator_->value()); }
  Status status() const override { return to_status(iterator_->status(), "read", path_); }

 private:
  const std::string& path_;
  const std::string end_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

rocksdb::Status fill(rocksdb::WriteBatch& to, const WriteBatch& from) {
  rocksdb::Status status;
  for (const WriteBatch::Operation& operation : from.operations) {
    switch (operation.kind) {
      case WriteBatch::Kind::kPut: status = to.Put(operation.key, operation.value); break;
      case WriteBatch::Kind::kDelete: status = to.Delete(operation.key); break;
      case WriteBatch::Kind::kDeleteRange:
        TOCSIN_CHECK(!operation.value.empty(), "a range delete needs an end");
        // RocksDB refuses a range whose end comes first; for us it holds nothing.
        if (operation.key < operation.value) status = to.DeleteRange(operation.key, operation.value);
        break;
    }
    if (!status.ok()) break;
  }
  return status;
}

// A count among RocksDB's statistics in text; 0 if it is not there.
uint64_t number(const std::map<std::string, std::string>& statistics, const std::string& name) {
  uint64_t value = 0;
  if (const auto found = statistics.find(name); found != statistics.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  }
  return value;
}

size_t bytes_of(const WriteBatch& batch) {
  constexpr size_t kOperationOverhead = 16;
  size_t bytes = 0;
  for (const auto& operation : batch.operations) bytes += kOperationOverhead + operation.key.size() + operation.value.size();
  return bytes;
}

}  // namespace

// Members go in reverse order: the database before its memory and its lock.
struct RocksDbStore::Handles {
  std::unique_ptr<DirectoryLock> lock;
  MemoryBudget budget;
  std::unique_ptr<rocksdb::DB> db;
};

RocksDbStore::RocksDbStore(std::string path, std::unique_ptr<Handles> handles) : path_(std::move(path)), handles_(std::move(handles)) {}

RocksDbStore::~RocksDbStore() {
  if (handles_ != nullptr) static_cast<void>(close());
}

Result<std::unique_ptr<RocksDbStore>> RocksDbStore::open(const RocksDbOptions& options) {
  if (options.memory_bytes < RocksDbOptions::kMemoryBytesMin) {
    return invalid_argument(fmt::format("{} bytes of memory for the state in {} are too few: give it at least {}", options.memory_bytes,
                                        options.path, RocksDbOptions::kMemoryBytesMin));
  }
  auto handles = std::make_unique<Handles>(Handles{nullptr, MemoryBudget(options.memory_bytes), nullptr});
  if (options.env == nullptr) {
    auto lock = DirectoryLock::acquire(options.path);
    if (!lock.ok()) return lock.status();
    handles->lock = std::move(lock).value();
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(make_options(options, handles->budget), options.path, &db);
  if (!opened.ok()) return to_status(opened, "open", options.path);
  handles->db.reset(db);
  return std::unique_ptr<RocksDbStore>(new RocksDbStore(options.path, std::move(handles)));
}

Result<std::optional<std::string>> RocksDbStore::get(std::string_view key) const {
  std::string value;
  const rocksdb::Status status = handles_->db->Get(read_options(), slice(key), &value);
  if (status.ok()) return std::optional<std::string>(std::move(value));
  if (status.IsNotFound()) return std::optional<std::string>();
  return to_status(status, "read", path_);
}

std::unique_ptr<Iterator> RocksDbStore::scan(std::string_view from, std::string_view to) const {
  return std::make_unique<Walk>(*handles_->db, path_, from, to);
}

Status RocksDbStore::write(const WriteBatch& batch) {
  rocksdb::WriteBatch whole(bytes_of(batch));
  TOCSIN_RETURN_IF_ERROR(to_status(fill(whole, batch), "write", path_));
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return to_status(handles_->db->Write(options, &whole), "write", path_);
}

Status RocksDbStore::flush() {
  rocksdb::FlushOptions options;
  options.wait = true;
  options.allow_write_stall = true;
  return to_status(handles_->db->Flush(options), "flush", path_);
}

Status RocksDbStore::close() {
  TOCSIN_CHECK(handles_ != nullptr, "the store is closed already");
  Status flushed = flush();
  const rocksdb::Status closed = handles_->db->Close();
  handles_.reset();
  TOCSIN_RETURN_IF_ERROR(flushed);
  return to_status(closed, "close", path_);
}

RocksDbStatistics RocksDbStore::statistics() const {
  const auto property = [this](const std::string& name) {
    uint64_t value = 0;
    return handles_->db->GetIntProperty(name, &value) ? value : 0;
  };
  const rocksdb::Cache& cache = *handles_->budget.cache;
  const uint64_t reserved = handles_->budget.memtables->dummy_entries_in_cache_usage();
  const uint64_t used = cache.GetUsage();
  RocksDbStatistics statistics;
  statistics.memory_budget_bytes = cache.GetCapacity();
  statistics.memtable_bytes = handles_->budget.memtables->memory_usage();
  statistics.block_cache_bytes = used > reserved ? used - reserved : 0;
  statistics.block_cache_pinned_bytes = cache.GetPinnedUsage();
  statistics.table_readers_bytes = property(rocksdb::DB::Properties::kEstimateTableReadersMem);
  statistics.live_data_bytes_estimate = property(rocksdb::DB::Properties::kEstimateLiveDataSize);
  statistics.sst_bytes = property(rocksdb::DB::Properties::kTotalSstFilesSize);
  statistics.compaction_pending_bytes = property(rocksdb::DB::Properties::kEstimatePendingCompactionBytes);
  statistics.background_errors = property(rocksdb::DB::Properties::kBackgroundErrors);
  std::map<std::string, std::string> stalls;
  if (handles_->db->GetMapProperty(rocksdb::DB::Properties::kCFStats, &stalls)) {
    statistics.write_slowdowns = number(stalls, "io_stalls.total_slowdown");
    statistics.write_stops = number(stalls, "io_stalls.total_stop");
  }
  statistics.writes_stopped = property(rocksdb::DB::Properties::kIsWriteStopped) != 0;
  return statistics;
}

}  // namespace tocsin::state
