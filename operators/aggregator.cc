#include "operators/aggregator.h"

#include <algorithm>

#include "operators/flush.h"

namespace tocsin {
namespace {

// What a row costs between the flush and the end of its transaction: columns, serialised bytes, and the client library's copy.
constexpr size_t kRowBytes = 256;

bool any_latency(const Plan& plan) {
  const auto reads = [](const View& view) { return view.latency || !view.predicates.empty(); };
  return std::any_of(plan.views.begin(), plan.views.end(), reads);
}

}  // namespace

Aggregator::Aggregator(std::shared_ptr<const Plan> plan, const AggregatorOptions& options)
    : plan_(std::move(plan)),
      allowed_lateness_(options.allowed_lateness),
      series_(plan_, options.series),
      accumulators_(any_latency(*plan_)),
      dropped_late_(series_.rule_groups().size()) {}

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
        drop_late(event, ids_[i]);
        continue;
      }
      ++counters_.late;
      const EventTime visible_from = next_multiple(watermark, plan_->resolution);
      if (visible_from > key.pane + plan_->pane) key.visible_from = visible_from;
    }
    if (!event.measurement) accumulators_.add(key, event);
  }
  now_ = std::max(now_, clock.watermark());
  count_rows();
}

void Aggregator::count_rows() {
  const std::vector<Accumulator>& all = accumulators_.all();
  for (; counted_ < all.size(); ++counted_) row_bytes_ += kRowBytes * series_.signature(all[counted_].key.series).targets.size();
}

void Aggregator::drop_late(const Event& event, uint32_t series) {
  ++counters_.dropped_late;
  // No aggregate over requests selects a measurement.
  if (event.measurement) return;
  for (const int group : series_.signature(series).rule_groups) ++dropped_late_[static_cast<size_t>(group)];
}

std::vector<std::vector<v1::ViewRows>> Aggregator::take(uint32_t partitions) {
  std::vector<std::vector<v1::ViewRows>> rows = flush_rows(*plan_, series_, accumulators_, partitions);
  for (const Accumulator& accumulator : accumulators_.all()) {
    series_.touch(accumulator.key.series, now_);
    if (series_.overflowed(accumulator.key.series)) counters_.overflowed += accumulator.weight;
  }
  drop();
  return rows;
}

void Aggregator::drop() {
  accumulators_.clear();
  counted_ = 0;
  row_bytes_ = 0;
  series_.sweep(now_);
}

}  // namespace tocsin
