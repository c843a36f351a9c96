#include "operators/field_cache.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "operators/mix.h"

namespace tocsin {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;
constexpr size_t kHeaderBytes = sizeof(uint64_t) + sizeof(uint32_t);

// Whoever writes events chooses the fields; with a fixed seed he could choose them by the thousand so that they all collide. No result
// depends on it: the table is a cache.
uint64_t seed() {
  static const uint64_t kSeed = [] {
    std::random_device random;
    return uint64_t{random()} << 32 | random();
  }();
  return kSeed;
}

}  // namespace

FieldCache::FieldCache(size_t slots_per_event, size_t bytes_max)
    : slots_per_event_(slots_per_event), bytes_max_(bytes_max), table_(kLeastCapacity) {}

uint64_t FieldCache::hash(bool success, const std::string_view* slots) const {
  uint64_t state = seed() ^ (success ? mix::kMix : mix::kSecret);
  for (size_t i = 0; i < slots_per_event_; ++i) state = mix::hash_bytes(slots[i], state);
  return mix::fold(state, mix::kMix);
}

bool FieldCache::equal(const char* key, bool success, const std::string_view* slots) const {
  uint32_t word = 0;
  std::memcpy(&word, key + sizeof(uint64_t), sizeof word);
  if ((word != 0) != success) return false;
  const char* lengths = key + kHeaderBytes;
  const char* bytes = lengths + slots_per_event_ * sizeof(uint32_t);
  for (size_t i = 0; i < slots_per_event_; ++i) {
    std::memcpy(&word, lengths + i * sizeof word, sizeof word);
    if (slots[i].size() != word) return false;
    if (!mix::same_bytes(slots[i].data(), bytes, word)) return false;
    bytes += word;
  }
  return true;
}

void FieldCache::insert(uint64_t hash, bool success, const std::string_view* slots, uint32_t series) {
  size_t size = kHeaderBytes + slots_per_event_ * sizeof(uint32_t);
  for (size_t i = 0; i < slots_per_event_; ++i) size += slots[i].size();
  // Something so large would push all others out.
  if (size > bytes_max_ / 4) return;
  const size_t growth = (used_ + 1) * 2 > table_.size() ? table_.size() * sizeof(Entry) : 0;
  const size_t block = size > block_left_ ? std::max(kBlockBytes, size) : 0;
  if (bytes() + growth + block > bytes_max_ && used_ > 0) clear();
  if ((used_ + 1) * 2 > table_.size()) grow();
  char* const key = allocate(size);
  char* at = key;
  const auto append = [&at](const void* from, size_t n) {
    if (n > 0) std::memcpy(at, from, n);
    at += n;
  };
  const uint32_t flag = success ? 1 : 0;
  append(&hash, sizeof hash);
  append(&flag, sizeof flag);
  for (size_t i = 0; i < slots_per_event_; ++i) {
    const auto length = static_cast<uint32_t>(slots[i].size());
    append(&length, sizeof length);
  }
  for (size_t i = 0; i < slots_per_event_; ++i) append(slots[i].data(), slots[i].size());
  place({tag_of(hash), series, key}, hash);
  ++used_;
}

void FieldCache::place(const Entry& entry, uint64_t hash) {
  const size_t mask = table_.size() - 1;
  size_t at = hash & mask;
  while (table_[at].key != nullptr) at = (at + 1) & mask;
  table_[at] = entry;
}

void FieldCache::grow() {
  std::vector<Entry> old(table_.size() * 2);
  old.swap(table_);
  for (const Entry& entry : old) {
    if (entry.key != nullptr) place(entry, mix::load(entry.key, sizeof(uint64_t)));
  }
}

char* FieldCache::allocate(size_t bytes) {
  if (bytes > block_left_) {
    const size_t size = std::max(kBlockBytes, bytes);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    block_at_ = blocks_.back().get();
    block_left_ = size;
    key_bytes_ += size;
  }
  char* const place = block_at_;
  block_at_ += bytes;
  block_left_ -= bytes;
  return place;
}

void FieldCache::clear() {
  table_ = std::vector<Entry>(kLeastCapacity);
  used_ = 0;
  blocks_.clear();
  block_at_ = nullptr;
  block_left_ = 0;
  key_bytes_ = 0;
}

}  // namespace tocsin
