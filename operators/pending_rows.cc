#include "operators/pending_rows.h"

#include <algorithm>

namespace tocsin {
namespace {

// A row with its place in the hash table, which is at most seven eighths full and doubles.
constexpr size_t kRowBytes = 2 * (sizeof(Partial) + sizeof(uint64_t));

size_t heap_bytes(const Partial& partial) { return partial.total.heap_bytes() + partial.sketch.parts.heap_bytes(); }

}  // namespace

bool PendingRows::add(EventTime effect, int view, EventTime start, uint64_t group, const Partial& partial, int64_t offset) {
  Slot& slot = slots_.try_emplace(effect, Slot{offset, 0, {}}).first->second;
  slot.oldest_offset = std::min(slot.oldest_offset, offset);
  const auto [found, is_new] = slot.panes[{view, start}].try_emplace(group, partial);
  const size_t before = is_new ? 0 : kRowBytes + heap_bytes(found->second);
  if (!is_new) found->second.merge(partial);
  const size_t after = kRowBytes + heap_bytes(found->second);
  slot.bytes += after - before;
  bytes_ += after - before;
  return is_new;
}

PendingRows::Panes PendingRows::take_next() {
  Panes taken;
  auto slot = slots_.extract(slots_.begin());
  bytes_ -= slot.mapped().bytes;
  for (auto& [key, groups] : slot.mapped().panes) {
    PaneRows& rows = taken[key.first][key.second];
    rows.reserve(groups.size());
    for (auto& [group, partial] : groups) rows.emplace_back(group, std::move(partial));
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  return taken;
}

std::optional<int64_t> PendingRows::rewind_offset() const {
  std::optional<int64_t> oldest;
  for (const auto& [effect, slot] : slots_) oldest = std::min(oldest.value_or(slot.oldest_offset), slot.oldest_offset);
  return oldest;
}

}  // namespace tocsin
