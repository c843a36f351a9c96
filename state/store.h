#pragma once

// The port to a key-value store ordered by the bytes of its keys. RocksDB stands behind it in `run`, a sorted map elsewhere.
//
// The evaluator never writes while it works: it fills a WriteBatch (through state/overlay.h, which lets it read its own writes) and
// the committer writes that batch after the Kafka commit, with the log position in it. So a store is never ahead of the log.
//
// Thread:  a Store may be shared by the workers of a process: every call is safe from any thread. Iterators are confined.
// Failure: kUnavailable for I/O errors that may pass (disk full), kDataLoss for corruption.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"

namespace tocsin::state {

// Puts, deletes and range deletes, applied in order and atomically.
struct WriteBatch {
  enum class Kind { kPut, kDelete, kDeleteRange };
  struct Operation {
    Kind kind;
    std::string key;    // of a range delete: its inclusive start
    std::string value;  // of a range delete: its exclusive end, never empty; one not behind the start removes nothing
  };
  std::vector<Operation> operations;

  void put(std::string key, std::string value) { operations.push_back({Kind::kPut, std::move(key), std::move(value)}); }
  void remove(std::string key) { operations.push_back({Kind::kDelete, std::move(key), {}}); }
  void remove_range(std::string from, std::string to) { operations.push_back({Kind::kDeleteRange, std::move(from), std::move(to)}); }
  bool empty() const { return operations.empty(); }
};

// Walks keys in byte order over a consistent view of the store. key() and value() are valid until next().
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool valid() const = 0;
  virtual void next() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // Not ok if the walk ended early because reading failed. Ask when valid() has become false.
  virtual Status status() const = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
  // The keys k with from <= k < to; `to` empty: to the end.
  virtual std::unique_ptr<Iterator> scan(std::string_view from, std::string_view to) const = 0;
  virtual Status write(const WriteBatch& batch) = 0;
  // Makes everything written so far survive a crash of the machine. Without it a crash may lose the newest batches, never an older
  // one before a newer one.
  virtual Status flush() = 0;
};

}  // namespace tocsin::state
