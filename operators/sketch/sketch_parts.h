#pragma once

// Latencies of one group as stage 1 sent them, put one behind the other: a sketch that is put together only when somebody asks for it.
//
// Verdicts come from counters, so most sketches are never looked at. Merging t-digests at every pane and level would cost more than all
// the rest of stage 2; appending costs a copy. Whoever keeps parts for long makes one of them with compact_beyond().
//
//   parts   := part*
//   part    := 'V' varint n, n varints: the first value, then differences   up to kValuesMax whole values in ascending order, weight 1
//            | 'D' varint length, t-digest                                  tdigest_codec.cc
//
// Thread:     plain values.
// Invariants: the bytes are sound: what comes from elsewhere goes through from_bytes().
// Failure:    from_bytes() returns nothing for bytes that cannot be read to their end as parts.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operators/sketch/tdigest.h"

namespace tocsin {

class SketchParts {
 public:
  // A list takes some two bytes a value, a t-digest of more values than this about as much as the list.
  static constexpr size_t kValuesMax = 512;

  static std::optional<SketchParts> from_bytes(std::string_view bytes);

  // Ascending, 1 to kValuesMax of them.
  void add_values(std::span<const uint32_t> values);
  void add_digest(const TDigest& digest);
  void append(const SketchParts& other) { bytes_ += other.bytes_; }

  // Makes one part of all, if they are longer than that.
  void compact_beyond(size_t bytes) {
    if (bytes_.size() > bytes) compact();
  }

  bool empty() const { return bytes_.empty(); }
  const std::string& bytes() const { return bytes_; }
  size_t heap_bytes() const { return bytes_.capacity() > sizeof(std::string) ? bytes_.capacity() : 0; }

 private:
  friend class SketchMerger;
  void compact();
  void add_sorted(std::span<uint32_t> values);

  std::string bytes_;
};

// Puts the parts of many rows together: values are sorted once, digests merged in the order in which they come.
class SketchMerger {
 public:
  void add(const SketchParts& parts);
  // Of parts as bytes, which need not be sound. False if they are not; some of them may have been added then.
  [[nodiscard]] bool add(std::string_view bytes);
  // The single values among what was added, in no order; digests stay.
  std::vector<uint32_t> take_values() { return std::exchange(values_, {}); }
  // As parts for keeping: lists, if there are only values and they take up to so many bytes, else one t-digest. Empty after it.
  SketchParts take_parts(size_t list_bytes_max);
  // Makes a digest of the values once there are more than so many, which bounds the memory they take.
  void fold_beyond(size_t values);
  // All that was added; the merger is empty after it.
  TDigest take();

 private:
  friend class SketchParts;
  std::vector<uint32_t> values_;
  TDigest digest_;
};

}  // namespace tocsin
