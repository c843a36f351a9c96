#include "operators/accumulators.h"

#include <algorithm>
#include <cstring>

#include "operators/mix.h"

namespace tocsin {
namespace {

constexpr size_t kBlockValues = size_t{1} << 18;
constexpr uint32_t kFirstCapacity = 16;

}  // namespace

void Accumulators::clear() {
  accumulators_.clear();
  index_.clear();
  recent_.clear();
  side_lists_.clear();
  // The last one is kept: in front of it are buffers of single accumulators, too, which may be smaller than a block.
  if (blocks_.size() > 1) blocks_.erase(blocks_.begin(), blocks_.end() - 1);
  block_used_ = 0;
  bytes_ = 0;
}

Accumulator& Accumulators::find_or_create(const AccumulatorKey& key) {
  if (key.series >= recent_.size()) {
    Recent nothing;
    nothing.accumulator.fill(kNone);
    recent_.resize(std::max<size_t>(key.series + 1, recent_.size() * 2), nothing);
  }
  // Panes are multiples of the same width, so mixing the bits of the start spreads neighbours over the places.
  static_assert(kRecent == 4, "the two highest bits tell four places apart");
  uint32_t& recent = recent_[key.series].accumulator[(static_cast<uint64_t>(key.pane.ms) * mix::kMix) >> 62];
  if (recent != kNone && accumulators_[recent].key == key) return accumulators_[recent];
  const auto [found, is_new] = index_.try_emplace(key, static_cast<uint32_t>(accumulators_.size()));
  if (is_new) {
    accumulators_.emplace_back().key = key;
    bytes_ += sizeof(Accumulator) + 2 * sizeof(AccumulatorKey);
  }
  recent = found->second;
  return accumulators_[recent];
}

void Accumulators::append(Accumulator& accumulator, uint32_t latency_us) {
  if (accumulator.size == accumulator.capacity) {
    const uint32_t capacity = std::max(kFirstCapacity, accumulator.capacity * 2);
    const bool is_huge = capacity > kBlockValues / 4;
    uint32_t* place = nullptr;
    if (is_huge) {
      // In front of the last block, which stays the one that is being filled. There is one: it began in a block.
      place = blocks_.insert(blocks_.end() - 1, std::make_unique_for_overwrite<uint32_t[]>(capacity))->get();
    } else {
      if (blocks_.empty() || block_used_ + capacity > kBlockValues) {
        blocks_.push_back(std::make_unique_for_overwrite<uint32_t[]>(kBlockValues));
        block_used_ = 0;
      }
      place = blocks_.back().get() + block_used_;
      block_used_ += capacity;
    }
    bytes_ += capacity * sizeof(uint32_t);
    if (accumulator.size > 0) std::memcpy(place, accumulator.latencies, accumulator.size * sizeof(uint32_t));
    accumulator.latencies = place;
    accumulator.capacity = capacity;
  }
  accumulator.latencies[accumulator.size++] = latency_us;
}

void Accumulators::add(const AccumulatorKey& key, const Event& event) {
  Accumulator& accumulator = find_or_create(key);
  accumulator.weight += event.weight;
  accumulator.last_event = std::max(accumulator.last_event, event.time);
  if (!with_latency_ || event.latency_us == kNoLatency) return;
  accumulator.latency_weight += event.weight;
  accumulator.latency_sum_us += Uint128{event.latency_us} * event.weight;
  accumulator.latency_min_us = std::min(accumulator.latency_min_us, event.latency_us);
  accumulator.latency_max_us = std::max(accumulator.latency_max_us, event.latency_us);
  accumulator.last_latency_event = std::max(accumulator.last_latency_event, event.time);
  if (event.weight == 1 && event.latency_us <= UINT32_MAX) {
    append(accumulator, static_cast<uint32_t>(event.latency_us));
    return;
  }
  if (accumulator.side_list < 0) {
    accumulator.side_list = static_cast<int32_t>(side_lists_.size());
    side_lists_.emplace_back();
    bytes_ += 2 * sizeof(std::vector<WeightedLatency>);
  }
  side_lists_[static_cast<size_t>(accumulator.side_list)].emplace_back(event.latency_us, event.weight);
  bytes_ += sizeof(WeightedLatency) * 2;
}

}  // namespace tocsin
