#pragma once

// Values by small numbers that are never used again, such as group ids: memory follows those in use, not all that ever were, but for a
// pointer for 64 of them.
//
// Thread:     worker-confined.
// Lifetime:   references stay valid until the value is forgotten.
// Invariants: what was never asked for by at(), or was forgotten, is T().

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace tocsin {

template <typename T>
class Paged {
 public:
  // The value of `id`, made if it is not there.
  T& at(uint64_t id) {
    const uint64_t number = id / kPageSize;
    if (number >= pages_.size()) pages_.resize(number + 1);
    std::unique_ptr<Page>& page = pages_[number];
    if (page == nullptr) {
      page = std::make_unique<Page>();
      ++live_pages_;
    }
    page->used |= uint64_t{1} << (id % kPageSize);
    return page->values[id % kPageSize];
  }
  // The same without making it; may be null.
  const T* find(uint64_t id) const {
    const uint64_t number = id / kPageSize;
    return number < pages_.size() && pages_[number] != nullptr ? &pages_[number]->values[id % kPageSize] : nullptr;
  }
  void forget(uint64_t id) {
    if (find(id) == nullptr) return;
    std::unique_ptr<Page>& page = pages_[id / kPageSize];
    page->values[id % kPageSize] = T();
    page->used &= ~(uint64_t{1} << (id % kPageSize));
    if (page->used != 0) return;
    page.reset();
    --live_pages_;
  }

  // Values for which there is memory, in use or not.
  size_t capacity() const { return live_pages_ * kPageSize; }
  size_t bytes() const { return live_pages_ * sizeof(Page) + pages_.capacity() * sizeof(pages_[0]); }

 private:
  static constexpr uint64_t kPageSize = 64;
  struct Page {
    uint64_t used = 0;  // a bit a value
    std::array<T, kPageSize> values;
  };

  std::vector<std::unique_ptr<Page>> pages_;
  size_t live_pages_ = 0;
};

}  // namespace tocsin
