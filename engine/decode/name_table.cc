#include "engine/decode/name_table.h"

#include <algorithm>

#include "engine/base/check.h"

namespace tocsin::decode {

void NameTable::add(std::string_view name, int number) {
  TOCSIN_CHECK(number >= 0 && find(name) < 0, "a name table holds each name once");
  entries_.push_back({std::string(name), number});
  if (entries_.size() * 2 <= cells_.size()) {
    place(entries_.size() - 1);
    return;
  }
  cells_.assign(cells_.size() * 2, kEmpty);
  for (size_t i = 0; i < entries_.size(); ++i) place(i);
}

void NameTable::place(size_t entry) {
  size_t cell = hash(entries_[entry].name) & (cells_.size() - 1);
  while (cells_[cell] != kEmpty) cell = (cell + 1) & (cells_.size() - 1);
  cells_[cell] = static_cast<int32_t>(entry);
}

}  // namespace tocsin::decode
