#include "state/memory_store.h"

#include <mutex>

namespace tocsin::state {

class MemoryStore::Walk : public Iterator {
 public:
  Walk(const MemoryStore& store, std::string_view from, std::string_view to) : store_(store) {
    const std::unique_lock lock(store_.mutex_);  // exclusive: the map takes note of the cursor
    cursor_.emplace(store_.map_, from, to);
  }
  ~Walk() override {
    const std::unique_lock lock(store_.mutex_);
    cursor_.reset();
  }

  bool valid() const override { return cursor_->valid(); }
  void next() override {
    const std::shared_lock lock(store_.mutex_);
    cursor_->next();
  }
  std::string_view key() const override { return cursor_->key(); }
  std::string_view value() const override { return *cursor_->entry(); }
  Status status() const override { return {}; }

 private:
  const MemoryStore& store_;
  std::optional<SnapshotMap::Cursor> cursor_;
};

Result<std::optional<std::string>> MemoryStore::get(std::string_view key) const {
  const std::shared_lock lock(mutex_);
  const SnapshotMap::Entry* entry = map_.find(key);
  return entry == nullptr ? std::nullopt : *entry;
}

std::unique_ptr<Iterator> MemoryStore::scan(std::string_view from, std::string_view to) const {
  return std::make_unique<Walk>(*this, from, to);
}

Status MemoryStore::write(const WriteBatch& batch) {
  const std::unique_lock lock(mutex_);
  for (const WriteBatch::Operation& operation : batch.operations) {
    switch (operation.kind) {
      case WriteBatch::Kind::kPut: map_.assign(operation.key, operation.value); break;
      case WriteBatch::Kind::kDelete: map_.erase(operation.key); break;
      case WriteBatch::Kind::kDeleteRange:
        TOCSIN_CHECK(!operation.value.empty(), "a range delete needs an end");
        map_.erase_range(operation.key, operation.value);
        break;
    }
  }
  return {};
}

}  // namespace tocsin::state
