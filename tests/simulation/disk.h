#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/memory_store.h"
#include "state/store.h"

namespace tocsin::simulation {

// A store with a history, so that it can be set back as disks are: after a crash to any batch not before the last flush, after worse to
// any batch at all, or to nothing.
//
// Thread:     confined.
// Lifetime:   longer than any process that writes to it.
// Invariants: (1) it holds what its history, replayed from nothing, gives; (2) whatever is lost, it is the newest batches.
// Failure:    kUnavailable while it is full; what the hook throws: then nothing was written.
class Disk final : public state::Store {
 public:
  // Called before each write.
  void set_hook(std::function<void()> before_write) { before_write_ = std::move(before_write); }
  void set_full(bool full) { full_ = full; }
  bool full() const { return full_; }

  Result<std::optional<std::string>> get(std::string_view key) const override { return now_->get(key); }
  std::unique_ptr<state::Iterator> scan(std::string_view from, std::string_view to) const override { return now_->scan(from, to); }
  Status write(const state::WriteBatch& batch) override;
  Status flush() override;

  // Makes the `n`-th row (modulo their number) unreadable; nothing if there are none. Nobody may be using it.
  bool damage(uint64_t n);
  // A row is, unless it has been written again since.
  bool damaged() const { return damaged_at_ < history_.size(); }
  // Somebody has found out, and the next process gets an empty one.
  bool refused = false;

  // The day on which it was written last, of those that set_day() has counted.
  int64_t written_on() const { return written_on_; }
  void set_day(int64_t day) { day_ = day; }

  size_t batches() const { return history_.size(); }
  // Batches that a crash may lose.
  size_t unflushed() const { return history_.size() - flushed_; }
  // Loses all but the oldest `batches`. Nobody may be using it.
  void set_back(size_t batches);

 private:
  std::function<void()> before_write_;
  bool full_ = false;
  int64_t day_ = 0;
  int64_t written_on_ = 0;
  std::vector<state::WriteBatch> history_;
  size_t damaged_at_ = SIZE_MAX;  // place in the history
  size_t flushed_ = 0;
  std::unique_ptr<state::MemoryStore> now_ = std::make_unique<state::MemoryStore>();
};

}  // namespace tocsin::simulation
