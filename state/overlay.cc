#include "state/overlay.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tocsin::state {
namespace {

using Operations = std::vector<WriteBatch::Operation>;

// The first operation of a sealed batch whose key is not less than `key`.
const WriteBatch::Operation* first_from(const Operations& operations, std::string_view key) {
  const auto less = [](const WriteBatch::Operation& operation, std::string_view bound) { return operation.key < bound; };
  return operations.data() + (std::lower_bound(operations.begin(), operations.end(), key, less) - operations.begin());
}

}  // namespace

// Merges the layers: the least key comes next, of equal keys the newest layer's, and a delete hides what lies below it.
class Overlay::Walk : public Iterator {
 public:
  Walk(const Overlay& overlay, std::string_view from, std::string_view to)
      : base_(overlay.base_.scan(from, to)), open_(overlay.open_, from, to) {
    layers_.reserve(overlay.sealed_.size());
    for (auto generation = overlay.sealed_.rbegin(); generation != overlay.sealed_.rend(); ++generation) {
      const Operations& operations = generation->batch->operations;
      const auto* first = first_from(operations, from);
      const auto* end = to.empty() ? operations.data() + operations.size() : std::max(first, first_from(operations, to));
      if (first != end) layers_.push_back({generation->batch, first, end});
    }
    settle();
  }

  bool valid() const override { return source_ != Source::kNone; }
  void next() override {
    step_over();
    settle();
  }
  std::string_view key() const override { return key_; }
  std::string_view value() const override { return value_; }
  Status status() const override { return base_->status(); }

 private:
  enum class Source { kNone, kOpen, kSealed, kBase };
  struct Layer {
    std::shared_ptr<const WriteBatch> batch;  // keeps the operations, should the generation be released under the walk
    const WriteBatch::Operation* at;
    const WriteBatch::Operation* end;
  };

  // Stands on the least key that is not deleted.
  void settle() {
    while (find_least() && deleted_) step_over();
  }

  // Stands on the least key of all layers. False if there is none, or if the base failed: what follows might have been hidden in it.
  bool find_least() {
    source_ = Source::kNone;
    if (!base_->valid() && !base_->status().ok()) return false;
    if (open_.valid()) take(Source::kOpen, open_.key(), open_.entry() ? *open_.entry() : std::string_view(), !open_.entry());
    for (const Layer& layer : layers_) {
      if (layer.at == layer.end || !comes_first(layer.at->key)) continue;
      take(Source::kSealed, layer.at->key, layer.at->value, layer.at->kind == WriteBatch::Kind::kDelete);
    }
    if (base_->valid() && comes_first(base_->key())) take(Source::kBase, base_->key(), base_->value(), false);
    return source_ != Source::kNone;
  }

  // Layers are asked from new to old, so that on equal keys the newer one keeps its place.
  bool comes_first(std::string_view key) const { return source_ == Source::kNone || key < key_; }

  void take(Source source, std::string_view key, std::string_view value, bool deleted) {
    source_ = source;
    key_ = key;
    value_ = value;
    deleted_ = deleted;
  }

  // Every layer leaves the present key. The one that key_ is a view into goes last.
  void step_over() {
    for (Layer& layer : layers_) {
      if (layer.at != layer.end && layer.at->key == key_) ++layer.at;  // the key itself stays where it is: in the batch
    }
    // Where the open layer has the key it is its source, so that key_ is no view into the base then.
    if (base_->valid() && base_->key() == key_) base_->next();
    if (source_ == Source::kOpen) open_.next();
  }

  std::unique_ptr<Iterator> base_;
  SnapshotMap::Cursor open_;
  std::vector<Layer> layers_;  // newest first
  Source source_ = Source::kNone;
  std::string_view key_;
  std::string_view value_;
  bool deleted_ = false;
};

Result<std::optional<std::string>> Overlay::get(std::string_view key) const {
  if (const SnapshotMap::Entry* entry = open_.find(key); entry != nullptr) return *entry;
  for (auto generation = sealed_.rbegin(); generation != sealed_.rend(); ++generation) {
    const Operations& operations = generation->batch->operations;
    const auto* at = first_from(operations, key);
    if (at == operations.data() + operations.size() || at->key != key) continue;
    return at->kind == WriteBatch::Kind::kPut ? std::optional(at->value) : std::nullopt;
  }
  return base_.get(key);
}

std::unique_ptr<Iterator> Overlay::scan(std::string_view from, std::string_view to) const {
  return std::make_unique<Walk>(*this, from, to);
}

void Overlay::put(std::string key, std::string value) { open_.assign(std::move(key), std::move(value)); }

void Overlay::remove(std::string key) { open_.assign(std::move(key), std::nullopt); }

Status Overlay::remove_range(std::string_view from, std::string_view to) {
  // Keys first, so that a base that fails half-way leaves no half of a removal.
  std::vector<std::string> keys;
  {
    const std::unique_ptr<Iterator> walk = scan(from, to);
    for (; walk->valid(); walk->next()) keys.emplace_back(walk->key());
    TOCSIN_RETURN_IF_ERROR(walk->status());
  }
  for (std::string& key : keys) remove(std::move(key));
  return {};
}

std::shared_ptr<const WriteBatch> Overlay::seal() {
  const size_t bytes = open_.bytes();
  auto batch = std::make_shared<WriteBatch>();
  batch->operations = open_.drain();
  sealed_.push_back({batch, bytes});
  sealed_bytes_ += bytes;
  return batch;
}

void Overlay::release_oldest() {
  TOCSIN_CHECK(!sealed_.empty(), "no generation is sealed");
  sealed_bytes_ -= sealed_.front().bytes;
  sealed_.pop_front();
}

void Overlay::discard_all() {
  sealed_.clear();
  sealed_bytes_ = 0;
  open_.clear();
}

}  // namespace tocsin::state
