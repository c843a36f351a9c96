#include "operators/label_tuples.h"

#include <algorithm>
#include <cstring>

#include "engine/base/hash.h"
#include "operators/group_cost.h"

namespace tocsin {
namespace {

std::vector<int> slots_grouped_by(const Plan& plan) {
  std::vector<int> slots;
  for (const View& view : plan.views) slots.insert(slots.end(), view.by_slots.begin(), view.by_slots.end());
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  return slots;
}

template <typename Texts>
uint64_t hash_texts(uint64_t group_space, const Texts& values) {
  uint64_t hash = group_space ^ kFnvOffsetBasis;
  for (const auto& value : values) hash = fnv1a("\xff", fnv1a(value, hash));
  // FNV's low bits are weak for short keys, and partitions are taken modulo a small number.
  return mix::fold(hash ^ mix::kSecret, mix::kMix);
}

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

uint64_t hash_group(uint64_t group_space, const std::vector<std::string>& values) { return hash_texts(group_space, values); }

uint32_t ValueTable::find(std::string_view text) const {
  const auto found = ids_.find(text);
  return found == ids_.end() ? RowTable::kNone : found->second;
}

uint32_t ValueTable::find_or_add(std::string_view text) {
  if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
  const auto id = static_cast<uint32_t>(texts_.size());
  if (!text.empty()) {
    storage_.push_back(std::make_unique_for_overwrite<char[]>(text.size()));
    std::memcpy(storage_.back().get(), text.data(), text.size());
    text = {storage_.back().get(), text.size()};
    text_bytes_ += text.size();
  }
  texts_.push_back(text);
  ids_.emplace(text, id);
  return id;
}

LabelTuples::LabelTuples(const Plan& plan, GroupLedger* ledger)
    : ledger_(ledger), slots_(slots_grouped_by(plan)), values_(slots_.size()), rows_(slots_.size()) {
  const std::vector<size_t> costs = group_costs(plan);
  for (size_t s = 0; s < plan.group_spaces.size(); ++s) {
    std::vector<size_t> labels;
    for (const View& view : plan.views) {
      if (view.group_space != static_cast<int>(s)) continue;
      for (const int slot : view.by_slots)
        labels.push_back(static_cast<size_t>(std::lower_bound(slots_.begin(), slots_.end(), slot) - slots_.begin()));
      break;  // views of one space have one `by`
    }
    spaces_.emplace_back(plan.group_spaces[s].id, costs[s], std::move(labels));
  }
}

LabelTuples::~LabelTuples() { leave_ledger(); }

void LabelTuples::leave_ledger() {
  if (ledger_ == nullptr) return;
  for (const Space& space : spaces_) {
    for (const uint64_t group : space.hashes) ledger_->drop(group);
  }
  ledger_ = nullptr;
}

uint32_t LabelTuples::find(const Values& values) const {
  std::vector<uint32_t> row;
  row.reserve(values.size());
  for (size_t label = 0; label < values.size(); ++label) {
    row.push_back(values_[label].find(values[label]));
    if (row.back() == kNone) return kNone;
  }
  return rows_.find(row);
}

uint32_t LabelTuples::add(const Values& values, bool overflowed) {
  std::vector<uint32_t> row;
  row.reserve(values.size());
  for (size_t label = 0; label < values.size(); ++label) row.push_back(values_[label].find_or_add(values[label]));
  tuple_groups_.resize(tuple_groups_.size() + spaces_.size(), kNone);
  overflowed_.push_back(overflowed);
  return rows_.add(row);
}

LabelTuples::Values LabelTuples::values(uint32_t tuple) const {
  Values values;
  const RowTable::Row row = rows_.row(tuple);
  for (size_t label = 0; label < row.size(); ++label) values.push_back(values_[label].text(row[label]));
  return values;
}

uint32_t LabelTuples::group_of(uint32_t tuple, int number) {
  uint32_t& group = tuple_groups_[tuple * spaces_.size() + static_cast<size_t>(number)];
  if (group != kNone) return group;
  Space& space = spaces_[static_cast<size_t>(number)];
  const RowTable::Row values = rows_.row(tuple);
  std::vector<uint32_t> row;
  row.reserve(space.labels.size());
  for (const size_t label : space.labels) row.push_back(values[label]);
  group = space.rows.find(row);
  if (group != kNone) return group;
  group = space.rows.add(row);
  const Values texts = group_values(number, group);
  space.hashes.push_back(hash_texts(space.id, texts));
  const size_t bytes = stage_two_bytes(space, texts);
  group_bytes_ += bytes;
  if (ledger_ != nullptr) ledger_->hold(space.hashes.back(), bytes);
  return group;
}

size_t LabelTuples::stage_two_bytes(const Space& space, const Values& values) {
  size_t bytes = space.cost;
  for (const std::string_view value : values) bytes += label_value_cost(value.size());
  return bytes;
}

size_t LabelTuples::new_bytes(const Values& values, int number) const {
  if (ledger_ == nullptr) return 0;
  const Space& space = spaces_[static_cast<size_t>(number)];
  Values of_group;
  for (const size_t label : space.labels) of_group.push_back(values[label]);
  return ledger_->holds(hash_texts(space.id, of_group)) ? 0 : stage_two_bytes(space, of_group);
}

LabelTuples::Values LabelTuples::group_values(int number, uint32_t group) const {
  const Space& space = spaces_[static_cast<size_t>(number)];
  const RowTable::Row row = space.rows.row(group);
  Values values;
  for (size_t i = 0; i < row.size(); ++i) values.push_back(values_[space.labels[i]].text(row[i]));
  return values;
}

size_t LabelTuples::bytes() const {
  size_t bytes = rows_.bytes() + tuple_groups_.size() * sizeof(uint32_t) * 3 / 2 + overflowed_.size() / 8;
  for (const ValueTable& values : values_) bytes += values.bytes();
  const size_t by_group = sizeof(uint64_t) * 3 / 2 + (ledger_ != nullptr ? GroupLedger::kBytesByGroup : 0);
  for (const Space& space : spaces_) bytes += space.rows.bytes() + space.hashes.size() * by_group;
  return bytes;
}

}  // namespace tocsin
