#include "tests/simulation/disk.h"

#include <algorithm>

#include "engine/base/check.h"

namespace tocsin::simulation {

Status Disk::write(const state::WriteBatch& batch) {
  if (before_write_) before_write_();
  if (full_) return unavailable("simulated disk: no space left");
  history_.push_back(batch);
  written_on_ = day_;
  return now_->write(batch);
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
  flushed_ = std::min(flushed_, batches);
  now_ = std::make_unique<state::MemoryStore>();
  for (const state::WriteBatch& batch : history_) TOCSIN_CHECK(now_->write(batch).ok(), "a memory store refuses nothing");
}

}  // namespace tocsin::simulation
