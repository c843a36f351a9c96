#include "operators/pending_rows.h"

#include <algorithm>

namespace tocsin {

bool PendingRows::add(EventTime effect, int view, EventTime start, uint64_t group, const Partial& partial, int64_t offset) {
  Slot& slot = slots_.try_emplace(effect, Slot{offset, {}}).first->second;
  slot.oldest_offset = std::min(slot.oldest_offset, offset);
  const auto [found, is_new] = slot.panes[{view, start}].try_emplace(group, partial);
  if (!is_new) found->second.merge(partial);
  return is_new;
}

PendingRows::Panes PendingRows::take_next() {
  Panes taken;
  auto slot = slots_.extract(slots_.begin());
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
