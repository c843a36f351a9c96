#include "engine/runtime/shared_ledger.h"

#include <algorithm>

#include "engine/base/check.h"

namespace tocsin {

bool SharedLedger::holds(uint64_t group) const {
  const Shard& in = shard(group);
  const std::lock_guard lock(in.mutex);
  return in.groups.contains(group);
}

void SharedLedger::hold(uint64_t group, size_t bytes) {
  Shard& in = shard(group);
  const std::lock_guard lock(in.mutex);
  Entry& entry = in.groups[group];
  if (entry.holders++ > 0) return;
  entry.bytes = static_cast<uint32_t>(std::min<size_t>(bytes, UINT32_MAX));
  charged_.fetch_add(entry.bytes, std::memory_order_relaxed);
}

void SharedLedger::drop(uint64_t group) {
  Shard& in = shard(group);
  const std::lock_guard lock(in.mutex);
  const auto found = in.groups.find(group);
  TOCSIN_CHECK(found != in.groups.end(), "a group is dropped that nobody holds");
  if (--found->second.holders > 0) return;
  charged_.fetch_sub(found->second.bytes, std::memory_order_relaxed);
  in.groups.erase(found);
}

}  // namespace tocsin
