#include "operators/sketch_cache.h"

#include <algorithm>

namespace tocsin {

SketchCache::Entry& SketchCache::of(const Key& key, size_t levels) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&key](const Entry& entry) { return entry.key == key; });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
  } else {
    if (entries_.size() == kEntries) entries_.pop_back();
    entries_.push_front({key, std::vector<Tier>(levels), {}});
  }
  return entries_.front();
}

void SketchCache::forget(int view, EventTime start) {
  for (Entry& entry : entries_) {
    if (entry.key.view != view) continue;
    for (size_t level = 0; level < entry.tiers.size(); ++level) entry.singles.erase({level, start});
    for (Tier& tier : entry.tiers) {
      if (tier.from <= start && start < tier.to) tier = {};
    }
  }
}

size_t SketchCache::memory_bytes() const {
  constexpr size_t kNodeBytes = 4 * sizeof(void*);
  size_t bytes = 0;
  for (const Entry& entry : entries_) {
    bytes += sizeof(Entry) + kNodeBytes;
    for (const Tier& tier : entry.tiers) bytes += sizeof(tier) + tier.sketch.heap_bytes();
    for (const auto& [start, pane] : entry.singles) bytes += sizeof(start) + sizeof(pane) + kNodeBytes + pane.heap_bytes();
  }
  return bytes;
}

}  // namespace tocsin
