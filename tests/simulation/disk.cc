#include "tests/simulation/disk.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/runtime/restore.h"
#include "state/key_codec.h"

namespace tocsin::simulation {

Status Disk::write(const state::WriteBatch& batch) {
  if (before_write_) before_write_();
  if (full_) return unavailable("simulated disk: no space left");
  history_.push_back(batch);
  written_on_ = day_;
  return now_->write(batch);
}

bool Disk::damage(uint64_t n) {
  std::vector<std::string> keys;
  for (const auto row = now_->scan("", std::string(8, '\xff')); row->valid(); row->next()) {
    // The store's own place is checked by its length, and anything else there makes it start anew.
    if (row->key() != changelog_position_key(state::KeyReader(row->key()).u32())) keys.emplace_back(row->key());
  }
  if (keys.empty()) return false;
  state::WriteBatch batch;
  batch.put(keys[n % keys.size()], "\xff\xff");  // the beginning of a tag without its end: no protobuf message
  if (!damaged()) damaged_at_ = history_.size();
  history_.push_back(batch);
  TOCSIN_CHECK(now_->write(batch).ok(), "a memory store refuses nothing");
  return true;
}

Status Disk::flush() {
  if (full_) return unavailable("simulated disk: no space left");
  flushed_ = history_.size();
  return {};
}

void Disk::set_back(size_t batches) {
  TOCSIN_CHECK(batches <= history_.size(), "a disk has no future to be set to");
  if (batches == history_.size()) return;
  history_.resize(batches);
  if (damaged_at_ >= batches) damaged_at_ = SIZE_MAX;
  flushed_ = std::min(flushed_, batches);
  now_ = std::make_unique<state::MemoryStore>();
  for (const state::WriteBatch& batch : history_) TOCSIN_CHECK(now_->write(batch).ok(), "a memory store refuses nothing");
}

}  // namespace tocsin::simulation
