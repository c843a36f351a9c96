#include "state/snapshot_map.h"

#include <algorithm>

namespace tocsin::state {
namespace {

// A node of the map with its two strings (104 bytes in libstdc++), and the headers of its allocations.
constexpr size_t kEntryOverhead = 128;

size_t bytes_of(const std::string& key, const SnapshotMap::Entry& entry) {
  return kEntryOverhead + key.size() + (entry ? entry->size() : 0);
}

}  // namespace

SnapshotMap::~SnapshotMap() { TOCSIN_CHECK(cursors_.empty(), "an iterator outlived its store"); }

const SnapshotMap::Entry* SnapshotMap::find(std::string_view key) const {
  const auto at = entries_.find(key);
  return at == entries_.end() ? nullptr : &at->second;
}

void SnapshotMap::assign(std::string key, Entry entry) {
  const auto at = entries_.lower_bound(key);
  const bool exists = at != entries_.end() && at->first == key;
  for (Cursor* cursor : cursors_) cursor->remember(key, exists ? &at->second : nullptr);
  bytes_ += bytes_of(key, entry);
  if (exists) {
    bytes_ -= bytes_of(at->first, at->second);
    at->second = std::move(entry);
  } else {
    entries_.emplace_hint(at, std::move(key), std::move(entry));
  }
}

void SnapshotMap::erase(std::string_view key) {
  const auto at = entries_.find(key);
  if (at != entries_.end()) erase(at);
}

void SnapshotMap::erase_range(std::string_view from, std::string_view to) {
  for (auto at = entries_.lower_bound(from); at != entries_.end() && at->first < to;) at = erase(at);
}

SnapshotMap::Map::iterator SnapshotMap::erase(Map::iterator at) {
  for (Cursor* cursor : cursors_) cursor->remember(at->first, &at->second);
  bytes_ -= bytes_of(at->first, at->second);
  ++erasures_;
  return entries_.erase(at);
}

std::vector<WriteBatch::Operation> SnapshotMap::drain() {
  TOCSIN_CHECK(cursors_.empty(), "an iterator must go before what it walks is sealed");
  std::vector<WriteBatch::Operation> operations;
  operations.reserve(entries_.size());
  for (auto& [key, entry] : entries_) {
    const auto kind = entry ? WriteBatch::Kind::kPut : WriteBatch::Kind::kDelete;
    operations.push_back({kind, key, std::move(entry).value_or(std::string())});
  }
  clear();
  return operations;
}

void SnapshotMap::clear() {
  TOCSIN_CHECK(cursors_.empty(), "an iterator must go before what it walks is discarded");
  entries_.clear();
  bytes_ = 0;
}

SnapshotMap::Cursor::Cursor(const SnapshotMap& map, std::string_view from, std::string_view to)
    : map_(map), to_(to), live_(map.entries_.lower_bound(from)), erasures_seen_(map.erasures_) {
  map.cursors_.push_back(this);
  load();
}

SnapshotMap::Cursor::~Cursor() { std::erase(map_.cursors_, this); }

void SnapshotMap::Cursor::next() {
  if (erasures_seen_ != map_.erasures_) {
    live_ = map_.entries_.upper_bound(key_);
    erasures_seen_ = map_.erasures_;
  }
  load();
}

void SnapshotMap::Cursor::load() {
  while (true) {
    const bool has_live = live_ != map_.entries_.end() && below_end(live_->first);
    if (past_.empty() && !has_live) {
      valid_ = false;
      return;
    }
    if (past_.empty() || (has_live && live_->first < past_.begin()->first)) {
      key_ = live_->first;
      entry_ = live_->second;
      ++live_;
      return;
    }
    const auto was = past_.begin();
    if (has_live && live_->first == was->first) ++live_;
    const bool existed = was->second.has_value();
    if (existed) {
      key_ = was->first;
      entry_ = *std::move(was->second);
    }
    past_.erase(was);
    if (existed) return;
  }
}

void SnapshotMap::Cursor::remember(std::string_view key, const Entry* old) {
  if (!valid_ || key <= key_ || !below_end(key)) return;
  if (past_.find(key) != past_.end()) return;
  past_.emplace(key, old == nullptr ? std::nullopt : std::optional<Entry>(std::in_place, *old));
}

}  // namespace tocsin::state
