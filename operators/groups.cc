#include "operators/groups.h"

#include <algorithm>

#include "operators/group_cost.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin {

size_t Groups::text_bytes(const std::vector<std::string>& values) {
  size_t bytes = 0;
  for (const std::string& value : values) bytes += sizeof(std::string) + 2 * (value.size() + sizeof(uint32_t));
  return bytes;
}

Groups::~Groups() {
  if (ledger_ == nullptr) return;
  for (const auto& [key, id] : ids_) ledger_->drop(hash_group(space_, entries_.find(id)->values));
}

void Groups::added(const std::vector<std::string>& values) {
  text_bytes_ += text_bytes(values);
  if (ledger_ == nullptr) return;
  size_t bytes = cost_;
  for (const std::string& value : values) bytes += label_value_cost(value.size());
  ledger_->hold(hash_group(space_, values), bytes);
}

uint64_t Groups::find_or_add(const std::vector<std::string>& values) {
  const auto [found, is_new] = ids_.try_emplace(encode_group(values), end_id_);
  if (is_new) {
    entries_.at(end_id_++) = {values, false, 0, EventTime::min()};
    added(values);
  }
  return found->second;
}

void Groups::store(uint64_t id, state::Overlay& overlay) {
  Entry& entry = entries_.at(id);
  if (entry.stored) return;
  v1::GroupRow row;
  for (const std::string& value : entry.values) row.add_values(value);
  overlay.put(keys::group(partition_, space_, id), row.SerializeAsString());
  entry.stored = true;
}

bool Groups::restore(uint64_t id, const std::vector<std::string>& values) {
  if (!ids_.try_emplace(encode_group(values), id).second) return false;
  end_id_ = std::max(end_id_, id + 1);
  entries_.at(id) = {values, true, 0, EventTime::min()};
  added(values);
  return true;
}

void Groups::remove(uint64_t id, state::Overlay& overlay) {
  Entry& entry = entries_.at(id);
  ids_.erase(encode_group(entry.values));
  if (entry.stored) overlay.remove(keys::group(partition_, space_, id));
  text_bytes_ -= text_bytes(entry.values);
  if (ledger_ != nullptr) ledger_->drop(hash_group(space_, entry.values));
  entries_.forget(id);
}

}  // namespace tocsin
