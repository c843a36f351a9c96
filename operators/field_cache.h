#pragma once

// From the raw fields of an event to its series, without resolving them again: the look-up that every event pays for.
//
// An open-addressing table by 64-bit fingerprint of the field bytes, keys verified. It is a cache and nothing more: different fields
// may lead to one series (they differ in what only matchers look at), and when its bytes are used up it is emptied and fills anew.
//
// Thread:     worker-confined.
// Invariants: bytes() never passes bytes_max, but for the least table and one block of keys (80 KiB).
// Failure:    none.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tocsin {

class FieldCache {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  FieldCache(size_t slots_per_event, size_t bytes_max);

  // `slots`: slots_per_event texts, here and below. Differs from process to process.
  uint64_t hash(bool success, const std::string_view* slots) const;
  // Fetches the place of the hash into the processor's cache, so that find() need not wait for it.
  void prefetch(uint64_t hash) const { __builtin_prefetch(&table_[hash & (table_.size() - 1)]); }
  // The series of these fields, or kNone.
  uint32_t find(uint64_t hash, bool success, const std::string_view* slots) const {
    const size_t mask = table_.size() - 1;
    for (size_t at = hash & mask; table_[at].key != nullptr; at = (at + 1) & mask) {
      if (table_[at].tag == tag_of(hash) && equal(table_[at].key, success, slots)) return table_[at].series;
    }
    return kNone;
  }
  // They must not be there. Fields of more than a quarter of bytes_max are not kept.
  void insert(uint64_t hash, bool success, const std::string_view* slots, uint32_t series);
  void clear();

  size_t bytes() const { return table_.size() * sizeof(Entry) + key_bytes_; }

 private:
  struct Entry {
    uint32_t tag = 0;  // high half of the fingerprint
    uint32_t series = kNone;
    const char* key = nullptr;  // fingerprint u64, success u32, a length u32 a slot, then their bytes; null: free
  };
  static constexpr size_t kLeastCapacity = 1024;

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  bool equal(const char* key, bool success, const std::string_view* slots) const;
  char* allocate(size_t bytes);
  void place(const Entry& entry, uint64_t hash);
  void grow();

  size_t slots_per_event_;
  size_t bytes_max_;
  std::vector<Entry> table_;
  size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_left_ = 0;
  char* block_at_ = nullptr;
  size_t key_bytes_ = 0;  // of all blocks
};

}  // namespace tocsin
