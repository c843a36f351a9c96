#include "operators/series_table.h"

#include <algorithm>
#include <cstring>

#include "engine/base/hash.h"

namespace tocsin {
namespace {

// Multiply-fold mixing of 8-byte words, in the manner of wyhash. Fixed for ever: hash_group places groups on partitions.
constexpr uint64_t kMix = 0x9e3779b97f4a7c15ULL;
constexpr uint64_t kSecret = 0xa0761d6478bd642fULL;

uint64_t fold(uint64_t a, uint64_t b) {
  const Uint128 product = Uint128{a} * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t load(const char* bytes, size_t n) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, n);
  return word;
}

uint64_t hash_bytes(std::string_view text, uint64_t state) {
  const char* bytes = text.data();
  size_t left = text.size();
  state ^= fold(text.size() + kSecret, kMix);
  for (; left > 8; left -= 8, bytes += 8) state = fold(state ^ load(bytes, 8), kMix);
  if (left > 0) state = fold(state ^ load(bytes, left), kSecret);
  return state;
}

uint64_t hash_series(bool success, const std::string_view* slots, size_t count) {
  uint64_t state = success ? kMix : kSecret;
  for (size_t i = 0; i < count; ++i) state = hash_bytes(slots[i], state);
  return fold(state, kMix);
}

constexpr size_t kInitialCapacity = 1024;

}  // namespace

std::string encode_group(const std::vector<std::string>& values) {
  std::string key;
  for (const std::string& value : values) {
    const auto size = static_cast<uint32_t>(value.size());
    key.append(reinterpret_cast<const char*>(&size), sizeof size);
    key.append(value);
  }
  return key;
}

uint64_t hash_group(uint64_t group_space, const std::vector<std::string>& values) {
  uint64_t hash = group_space ^ kFnvOffsetBasis;
  for (const std::string& value : values) hash = fnv1a("\xff", fnv1a(value, hash));
  // FNV's low bits are weak for short keys, and partitions are taken modulo a small number.
  return fold(hash ^ kSecret, kMix);
}

SeriesTable::SeriesTable(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)),
      slot_count_(static_cast<size_t>(plan_->fields.size())),
      table_(kInitialCapacity),
      groups_(plan_->group_spaces.size()) {}

void SeriesTable::clear() {
  table_.assign(kInitialCapacity, Entry());
  series_.clear();
  keys_.clear();
  key_lengths_.clear();
  key_storage_.clear();
  groups_.assign(plan_->group_spaces.size(), Groups());
}

void SeriesTable::find_or_create(const EventBatch& batch, std::vector<uint32_t>& ids) {
  const size_t n = batch.events().size();
  hashes_.resize(n);
  ids.resize(n);
  for (size_t i = 0; i < n; ++i) {
    hashes_[i] = hash_series(batch.events()[i].success, batch.slots(i), slot_count_);
    __builtin_prefetch(&table_[hashes_[i] & (table_.size() - 1)]);
  }
  for (size_t i = 0; i < n; ++i) ids[i] = find_or_create_one(hashes_[i], batch.events()[i].success, batch.slots(i));
}

uint32_t SeriesTable::find_or_create_one(uint64_t hash, bool success, const std::string_view* slots) {
  const size_t mask = table_.size() - 1;
  size_t at = hash & mask;
  for (; table_[at].id != kEmpty; at = (at + 1) & mask) {
    if (table_[at].hash == hash && equal_key(table_[at].id, success, slots)) return table_[at].id;
  }
  const uint32_t id = create(success, slots);
  table_[at] = {hash, id};
  if (series_.size() * 2 > table_.size()) grow();
  return id;
}

bool SeriesTable::equal_key(uint32_t id, bool success, const std::string_view* slots) const {
  if (series_[id].success != success) return false;
  const char* key = keys_[id].data();
  const uint32_t* lengths = key_lengths_.data() + id * slot_count_;
  for (size_t i = 0; i < slot_count_; ++i) {
    if (slots[i].size() != lengths[i]) return false;
    if (lengths[i] != 0 && std::memcmp(slots[i].data(), key, lengths[i]) != 0) return false;
    key += lengths[i];
  }
  return true;
}

uint32_t SeriesTable::create(bool success, const std::string_view* slots) {
  const auto id = static_cast<uint32_t>(series_.size());
  std::string& key = key_storage_.emplace_back();
  for (size_t i = 0; i < slot_count_; ++i) {
    key.append(slots[i]);
    key_lengths_.push_back(static_cast<uint32_t>(slots[i].size()));
  }
  keys_.push_back(key);
  Series series;
  series.success = success;
  for (size_t v = 0; v < plan_->views.size(); ++v) {
    const View& view = plan_->views[v];
    const auto matches = [&](const SlotMatcher& matcher) { return matcher.matches(slots[matcher.slot]); };
    if (!std::all_of(view.matchers.begin(), view.matchers.end(), matches)) continue;
    SeriesTarget target{static_cast<int>(v), group_of(view, slots), {}};
    const auto check = [&](const rules::Matcher& matcher) { return plan_->matches(matcher, slots[plan_->fields.find(matcher.label)]); };
    for (const EventPredicate& predicate : view.predicates) target.predicates.push_back(predicate.resolve(success, check));
    series.targets.push_back(std::move(target));
  }
  series_.push_back(std::move(series));
  return id;
}

uint32_t SeriesTable::group_of(const View& view, const std::string_view* slots) {
  Groups& groups = groups_[static_cast<size_t>(view.group_space)];
  GroupKey key;
  for (const int slot : view.by_slots) key.values.emplace_back(slots[slot]);
  const auto [found, is_new] = groups.ids.try_emplace(encode_group(key.values), static_cast<uint32_t>(groups.keys.size()));
  if (is_new) {
    key.hash = hash_group(plan_->group_spaces[static_cast<size_t>(view.group_space)].id, key.values);
    groups.keys.push_back(std::move(key));
  }
  return found->second;
}

void SeriesTable::grow() {
  std::vector<Entry> old(table_.size() * 2);
  old.swap(table_);
  const size_t mask = table_.size() - 1;
  for (const Entry& entry : old) {
    if (entry.id == kEmpty) continue;
    size_t at = entry.hash & mask;
    while (table_[at].id != kEmpty) at = (at + 1) & mask;
    table_[at] = entry;
  }
}

}  // namespace tocsin
