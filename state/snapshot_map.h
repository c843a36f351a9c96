#pragma once

// A sorted map that can be walked as it stood while it goes on changing: the core of MemoryStore, and of what an Overlay holds
// unsealed.
//
// A cursor does not copy its range. While it lives, each change of a key that is still ahead of it first hands it the old entry;
// the walk merges those over the live map. So a write costs nothing extra without cursors, and a short scan costs what it reads.
//
// Thread:     confined, but for this: find, and Cursor's next, may run on several threads at once while nothing else does
//             (MemoryStore: under its shared lock). A cursor's valid, key and entry need no lock.
// Lifetime:   cursors must go before the map, and before drain() and clear().
// Invariants: (1) a cursor gives the entries that were there when it was made, each once, in byte order of the keys;
//             (2) an older entry is kept only for keys ahead of a live cursor, inside its range.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/store.h"

namespace tocsin::state {

class SnapshotMap {
 public:
  // Nothing: a deletion that is remembered. (Overlay needs these; MemoryStore erases instead.)
  using Entry = std::optional<std::string>;
  class Cursor;

  SnapshotMap() = default;
  SnapshotMap(const SnapshotMap&) = delete;
  SnapshotMap& operator=(const SnapshotMap&) = delete;
  ~SnapshotMap();

  // The entry of `key`, or null. Valid until the next change.
  const Entry* find(std::string_view key) const;
  void assign(std::string key, Entry entry);
  void erase(std::string_view key);
  // Erases the keys k with from <= k < to.
  void erase_range(std::string_view from, std::string_view to);
  // Everything as puts and deletes in key order; the map is empty afterwards.
  std::vector<WriteBatch::Operation> drain();
  void clear();

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  // Keys, values and a guess at what the map needs for each entry.
  size_t bytes() const { return bytes_; }

 private:
  using Map = std::map<std::string, Entry, std::less<>>;

  Map::iterator erase(Map::iterator at);

  Map entries_;
  size_t bytes_ = 0;
  uint64_t erasures_ = 0;  // a cursor whose count differs must find its place again
  mutable std::vector<Cursor*> cursors_;
};

// A walk over the keys k with from <= k < to (`to` empty: to the end), as the map stood at construction.
class SnapshotMap::Cursor {
 public:
  Cursor(const SnapshotMap& map, std::string_view from, std::string_view to);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor();

  bool valid() const { return valid_; }
  void next();
  // Copies, so that they outlive a change of the map: valid until next().
  const std::string& key() const { return key_; }
  const Entry& entry() const { return entry_; }

 private:
  friend class SnapshotMap;

  bool below_end(std::string_view key) const { return to_.empty() || key < to_; }
  // `key` is about to change from `old` (null: it is not there).
  void remember(std::string_view key, const Entry* old);
  void load();

  const SnapshotMap& map_;
  const std::string to_;
  Map::const_iterator live_;  // the first live entry behind key_, but for those made since
  uint64_t erasures_seen_;
  std::map<std::string, std::optional<Entry>, std::less<>> past_;  // what changed ahead of key_, as it was; nothing: was not there
  bool valid_ = true;
  std::string key_;
  Entry entry_;
};

}  // namespace tocsin::state
