#include "operators/rows_codec.h"

#include <algorithm>

namespace tocsin {
namespace {

uint64_t relative(EventTime time, int64_t pane_start_ms) {
  return time == EventTime::min() ? 0 : static_cast<uint64_t>(time.ms - pane_start_ms) + 1;
}

EventTime absolute(uint64_t stored, int64_t pane_start_ms) {
  return stored == 0 ? EventTime::min() : EventTime{pane_start_ms + static_cast<int64_t>(stored - 1)};
}

Status damaged_sketch() { return data_loss("a row's quantile sketch is damaged"); }

}  // namespace

void RowsWriter::set_pane(int64_t pane, uint64_t visible_from_ms) {
  rows_.add_pane(pane - last_pane_);
  last_pane_ = pane;
  rows_.add_visible_from_ms(visible_from_ms);
}

void RowsWriter::add(uint64_t group, int64_t pane_start_ms, const Partial& partial) {
  rows_.add_group(group);
  if (shape_.counters) {
    const PartialTotal& total = partial.total;
    rows_.add_count(total.count);
    rows_.add_errors(total.errors);
    rows_.add_latency_count(total.latency_count);
    rows_.add_latency_sum_us(static_cast<uint64_t>(total.latency_sum_us));
    rows_.add_latency_sum_us_high(static_cast<uint64_t>(total.latency_sum_us >> 64));
    rows_.add_last_event_ms(relative(partial.last_event, pane_start_ms));
    rows_.add_last_latency_event_ms(relative(partial.last_latency_event, pane_start_ms));
    add_above(total.above);
    for (size_t i = 0; i < shape_.predicates; ++i) rows_.add_predicates(i < total.predicates.size() ? total.predicates[i] : 0);
  }
  if (shape_.sketches) {
    rows_.add_latency_min_us(partial.sketch.latency_min_us);
    rows_.add_latency_max_us(partial.sketch.latency_max_us);
    rows_.add_sketch(partial.sketch.parts.bytes());
  }
}

void RowsWriter::add_above(const SparseCounts& above) {
  rows_.add_above(above.entries().size());
  for (const auto& [threshold, weight] : above.entries()) {
    rows_.add_above(threshold);
    rows_.add_above(weight);
  }
}

Result<RowsReader> RowsReader::open(const v1::Rows& rows, const RowsShape& shape, const std::vector<uint64_t>& thresholds,
                                    const std::vector<uint64_t>& column_thresholds, const std::vector<uint64_t>& predicates,
                                    const std::vector<uint64_t>& column_predicates) {
  const int n = rows.group_size();
  const bool counters_fit = rows.count_size() == n && rows.errors_size() == n && rows.latency_count_size() == n &&
                            rows.latency_sum_us_size() == n && rows.latency_sum_us_high_size() == n && rows.last_event_ms_size() == n &&
                            rows.last_latency_event_ms_size() == n && rows.above_size() >= n &&
                            static_cast<size_t>(rows.predicates_size()) == static_cast<size_t>(n) * column_predicates.size();
  const bool sketches_fit = rows.latency_min_us_size() == n && rows.latency_max_us_size() == n && rows.sketch_size() == n;
  const bool frame_fits = rows.pane_size() == n && rows.visible_from_ms_size() == n;
  if ((shape.counters && !counters_fit) || (shape.sketches && !sketches_fit) || (shape.frame && !frame_fits)) {
    return data_loss("rows whose columns differ in length");
  }
  RowsReader reader;
  reader.rows_ = &rows;
  reader.shape_ = shape;
  reader.column_thresholds_ = column_thresholds.size();
  reader.same_thresholds_ = thresholds == column_thresholds;
  // Unless both run the same rules, as they do but for upgrades: with many thresholds the map would cost more than many a row.
  for (size_t column = 0; column < column_thresholds.size() && !reader.same_thresholds_; ++column) {
    // A count between two of the writer's thresholds belongs to the last own threshold that is not above the lower one.
    const auto above = std::upper_bound(thresholds.begin(), thresholds.end(), column_thresholds[column]);
    reader.threshold_map_.push_back(static_cast<int>(above - thresholds.begin()) - 1);
  }
  for (const uint64_t id : predicates) {
    const auto found = std::find(column_predicates.begin(), column_predicates.end(), id);
    reader.predicate_map_.push_back(found == column_predicates.end() ? -1 : static_cast<int>(found - column_predicates.begin()));
  }
  reader.column_predicates_ = column_predicates.size();
  return reader;
}

bool RowsReader::next() {
  ++row_;
  if (row_ >= static_cast<size_t>(rows_->group_size())) return false;
  if (shape_.frame) pane_ += rows_->pane(static_cast<int>(row_));
  above_position_ = next_above_position_;
  if (shape_.counters && above_position_ < rows_->above_size()) {
    const uint64_t pairs = std::min<uint64_t>(rows_->above(above_position_), static_cast<uint64_t>(rows_->above_size()));
    next_above_position_ = above_position_ + 1 + 2 * static_cast<int>(pairs);
  }
  return true;
}

Status RowsReader::read_above(Partial& partial) const {
  SparseCounts& above = partial.total.above;
  above.clear();
  if (above_position_ >= rows_->above_size() || next_above_position_ > rows_->above_size())
    return data_loss("a row's threshold counts are cut off");
  for (int i = above_position_ + 1; i < next_above_position_; i += 2) {
    const uint64_t column = rows_->above(i);
    if (column >= column_thresholds_) return data_loss("a row counts above a threshold that does not exist");
    const int own = same_thresholds_ ? static_cast<int>(column) : threshold_map_[column];
    if (own >= 0) above.add(static_cast<uint32_t>(own), rows_->above(i + 1));
  }
  return {};
}

StoredSketch RowsReader::stored_sketch() const {
  const int i = static_cast<int>(row_);
  return {rows_->latency_min_us(i), rows_->latency_max_us(i), rows_->sketch(i)};
}

Status RowsReader::read(int64_t pane_start_ms, Partial& partial) const {
  const int i = static_cast<int>(row_);
  if (shape_.sketches) {
    partial.sketch.latency_min_us = rows_->latency_min_us(i);
    partial.sketch.latency_max_us = rows_->latency_max_us(i);
    std::optional<SketchParts> parts = SketchParts::from_bytes(rows_->sketch(i));
    if (!parts) return damaged_sketch();
    partial.sketch.parts = std::move(*parts);
  }
  if (!shape_.counters) return {};
  PartialTotal& total = partial.total;
  total.count = rows_->count(i);
  total.errors = rows_->errors(i);
  total.latency_count = rows_->latency_count(i);
  total.latency_sum_us = (Uint128{rows_->latency_sum_us_high(i)} << 64) + rows_->latency_sum_us(i);
  partial.last_event = absolute(rows_->last_event_ms(i), pane_start_ms);
  partial.last_latency_event = absolute(rows_->last_latency_event_ms(i), pane_start_ms);
  total.predicates.assign(predicate_map_.size(), 0);
  for (size_t p = 0; p < predicate_map_.size(); ++p) {
    if (predicate_map_[p] < 0) continue;
    total.predicates[p] = rows_->predicates(i * static_cast<int>(column_predicates_) + predicate_map_[p]);
  }
  return read_above(partial);
}

}  // namespace tocsin
