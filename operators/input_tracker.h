#pragma once

// How far the frames of one partials partition have come over the input partitions: what is new, what was seen before, and the watermark
// of the evaluation (SPEC 2, DESIGN 6).
//
// Thread:     worker-confined.
// Invariants: (1) every input offset is applied exactly once; (2) watermark() never decreases.
// Failure:    a frame that overlaps in part, or leaves a gap, is kDataLoss: somebody must look. Messages say of the frame what is wrong;
//             where it stands and what to do is added by the evaluator.

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "engine/base/status.h"
#include "engine/base/time.h"
#include "tocsin/v1/partial.pb.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin {

class InputTracker {
 public:
  enum class Novelty { kNew, kDuplicate };

  struct Applied {
    Novelty novelty = Novelty::kNew;
    // Set if the frame has events of a partition that joined later: the watermark of the evaluation before the frame. Stage 1 judged those
    // events by the partition's own watermark; here they are late up to this one (SPEC 2).
    std::optional<EventTime> late_before;
  };

  // Applies the ranges and watermarks of a (complete) frame, unless it was applied before. A frame lists all input topics: one that is
  // not there any more leaves, and holds nothing back.
  Result<Applied> apply(const v1::Frame& frame);

  // The least watermark over the input partitions; nothing until each of them has one.
  std::optional<EventTime> watermark() const;
  // The least time of a first event over the partitions that have events.
  std::optional<EventTime> first_event() const;
  // The greatest event time of all, once every partition has ended for ever; nothing before.
  std::optional<EventTime> end() const;
  // The partition that holds the watermark back, "topic-3"; "" if none is known.
  std::string slowest() const;

  void save(v1::PositionRow& row) const;
  void restore(const v1::PositionRow& row);

 private:
  using Key = std::pair<std::string, int32_t>;

  Result<Novelty> judge(const v1::Frame& frame) const;
  void follow_topics(const v1::Frame& frame, const std::optional<EventTime>& now);
  bool complete() const;

  std::map<std::string, int32_t> partition_counts_;
  std::map<Key, v1::InputPosition> inputs_;
  bool running_ = false;  // there has been a watermark: partitions that appear now join with it
};

}  // namespace tocsin
