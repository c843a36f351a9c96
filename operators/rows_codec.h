#pragma once

// Partials to and from the columns of tocsin.v1.Rows, for frames and for stored panes.
//
// Thread:   worker-confined.
// Lifetime: writers and readers refer to the columns, which must outlive them.
// Failure:  RowsReader::open() refuses columns that do not fit together; nothing is read out of bounds.

#include <cstdint>
#include <vector>

#include "engine/base/status.h"
#include "operators/total.h"
#include "tocsin/v1/partial.pb.h"

namespace tocsin {

// Which columns there are.
struct RowsShape {
  bool frame = false;     // pane and visible_from columns
  bool counters = true;   // everything that can be added and subtracted, and last event times
  bool sketches = false;  // min, max and sketch
  size_t predicates = 0;
};

class RowsWriter {
 public:
  RowsWriter(v1::Rows& rows, const RowsShape& shape) : rows_(rows), shape_(shape) {}

  // `pane_start` in milliseconds; last event times are stored relative to it.
  void add(uint64_t group, int64_t pane_start_ms, const Partial& partial);
  // Only in frames: the row's pane number (start / width), and how long after the pane's end it takes effect.
  void set_pane(int64_t pane, uint64_t visible_from_ms);

 private:
  void add_above(const SparseCounts& above);

  v1::Rows& rows_;
  RowsShape shape_;
  int64_t last_pane_ = 0;
};

// The sketch of a stored row as it lies there. Whether `parts` are sound says SketchMerger::add().
struct StoredSketch {
  uint64_t latency_min_us;
  uint64_t latency_max_us;
  std::string_view parts;
};

class RowsReader {
 public:
  // `thresholds`: of the view as the reader has it; `column_thresholds` as the writer had it. A threshold that the writer lacked counts
  // nothing. Predicates likewise, by id.
  static Result<RowsReader> open(const v1::Rows& rows, const RowsShape& shape, const std::vector<uint64_t>& thresholds,
                                 const std::vector<uint64_t>& column_thresholds, const std::vector<uint64_t>& predicates,
                                 const std::vector<uint64_t>& column_predicates);

  // Moves to the next row; false at the end.
  bool next();
  uint64_t group() const { return rows_->group(static_cast<int>(row_)); }
  int64_t pane() const { return pane_; }
  uint64_t visible_from_ms() const { return rows_->visible_from_ms(static_cast<int>(row_)); }
  // Fills `partial` with the columns of the row, and leaves the rest of it as it is. kDataLoss if its sketch or threshold counts are
  // damaged.
  Status read(int64_t pane_start_ms, Partial& partial) const;
  // Good for as long as the rows are.
  StoredSketch stored_sketch() const;

 private:
  Status read_above(Partial& partial) const;

  const v1::Rows* rows_ = nullptr;
  RowsShape shape_;
  size_t column_thresholds_ = 0;
  bool same_thresholds_ = false;
  std::vector<int> threshold_map_;  // unless they are the same: column index -> own index, -1: not wanted
  std::vector<int> predicate_map_;  // own index -> column index, -1: not there
  size_t column_predicates_ = 0;
  size_t row_ = SIZE_MAX;
  int above_position_ = 0;
  int next_above_position_ = 0;
  int64_t pane_ = 0;
};

}  // namespace tocsin
