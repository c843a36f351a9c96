#pragma once

// A FieldPlan made ready for decoding: from fields and label names to slots.
//
// Thread: immutable.
// Invariants: a label's slot is never that of a field, even if an event has a label of the field's name.

#include <array>
#include <string_view>

#include "engine/decode/name_table.h"
#include "operators/event/event.h"

namespace tocsin::decode {

class SlotPlan {
 public:
  explicit SlotPlan(const FieldPlan& plan);

  // The slot, or -1 if no rule looks at it.
  int field_slot(Field field) const { return field_slots_[static_cast<size_t>(field)]; }
  int label_slot(std::string_view name) const { return has_labels_ ? labels_.find(name) : -1; }
  int size() const { return size_; }

 private:
  std::array<int, kFieldCount> field_slots_;
  NameTable labels_;
  bool has_labels_ = false;
  int size_ = 0;
};

}  // namespace tocsin::decode
