#include "operators/aggregator.h"

#include <algorithm>

#include "operators/flush.h"

namespace tocsin {
namespace {

// The series table is only a cache; beyond this many it starts anew at the next flush instead of growing for ever.
constexpr size_t kSeriesCacheLimit = 1'000'000;

bool any_latency(const Plan& plan) {
  const auto reads = [](const View& view) { return view.latency || !view.predicates.empty(); };
  return std::any_of(plan.views.begin(), plan.views.end(), reads);
}

}  // namespace

Aggregator::Aggregator(std::shared_ptr<const Plan> plan, Duration allowed_lateness)
    : plan_(std::move(plan)), allowed_lateness_(allowed_lateness), series_(plan_), accumulators_(any_latency(*plan_)) {}

void Aggregator::add(const EventBatch& batch, PartitionClock& clock, std::optional<EventTime> append_time) {
  const EventTime watermark = clock.watermark();
  series_.find_or_create(batch, ids_);
  for (size_t i = 0; i < batch.events().size(); ++i) {
    const Event& event = batch.events()[i];
    if (event.refused) continue;
    ++counters_.events;
    clock.observe(event.time, append_time);
    AccumulatorKey key{ids_[i], floor_to(event.time, plan_->pane), EventTime::min()};
    if (event.time < watermark) {
      if (event.time < watermark - allowed_lateness_) {
        ++counters_.dropped_late;
        continue;
      }
      ++counters_.late;
      const EventTime visible_from = next_multiple(watermark, plan_->resolution);
      if (visible_from > key.pane + plan_->pane) key.visible_from = visible_from;
    }
    if (!event.measurement) accumulators_.add(key, event);
  }
}

std::vector<std::vector<v1::ViewRows>> Aggregator::take(uint32_t partitions) {
  std::vector<std::vector<v1::ViewRows>> rows = flush_rows(*plan_, series_, accumulators_, partitions);
  drop();
  return rows;
}

void Aggregator::drop() {
  accumulators_.clear();
  if (series_.size() > kSeriesCacheLimit) series_.clear();
}

}  // namespace tocsin
