#include "engine/decode/slot_plan.h"

namespace tocsin::decode {

SlotPlan::SlotPlan(const FieldPlan& plan) : size_(plan.size()) {
  field_slots_.fill(-1);
  for (int slot = 0; slot < plan.size(); ++slot) {
    const FieldPlan::Slot& wanted = plan.slots()[static_cast<size_t>(slot)];
    if (wanted.field.has_value()) {
      field_slots_[static_cast<size_t>(*wanted.field)] = slot;
    } else {
      labels_.add(wanted.name, slot);
      has_labels_ = true;
    }
  }
}

}  // namespace tocsin::decode
