#pragma once

// Puts frames that were too large for one message together again: parts of one frame carry one worker and sequence (DESIGN 3).
//
// Thread: worker-confined.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/test_switches.h"
#include "tocsin/v1/partial.pb.h"

namespace tocsin {

class FrameAssembler {
 public:
  struct Part {
    v1::Frame frame;
    int64_t offset;
  };

  // The parts of a frame once its last one has come, in order; empty until then. Parts of an older incomplete frame of the same
  // worker are forgotten: a transaction makes them visible together, so it never was committed.
  std::vector<Part> add(v1::Frame frame, int64_t offset) {
    std::vector<Part>& parts = open_[frame.worker()];
    if (!parts.empty() && parts.front().frame.sequence() != frame.sequence()) parts.clear();
    const bool last = frame.part() >= frame.parts() || test_switches::defect("frame_part_applied_alone");
    const std::string worker = frame.worker();
    parts.push_back({std::move(frame), offset});
    if (!last) return {};
    std::vector<Part> complete = std::move(parts);
    open_.erase(worker);
    return complete;
  }

  // The offset of the oldest part that waits for others.
  std::optional<int64_t> oldest_offset() const {
    std::optional<int64_t> oldest;
    for (const auto& [worker, parts] : open_) {
      if (!parts.empty()) oldest = std::min(oldest.value_or(parts.front().offset), parts.front().offset);
    }
    return oldest;
  }

 private:
  std::map<std::string, std::vector<Part>> open_;
};

}  // namespace tocsin
