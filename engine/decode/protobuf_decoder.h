#pragma once

// tocsin.v1.TelemetryBatch to events, without libprotobuf: that copies every string and builds every map, 20 times the work.
//
// A field of the wrong wire type counts as unknown, the last of several counts, a map entry may lack its key or value: as the
// library does it. One difference: text is checked to be UTF-8 only where it is extracted (and in `domain`), because nobody sees
// the rest.
//
// Thread:     worker-confined.
// Lifetime:   the SlotPlan must outlive it.
// Invariants: an event whose bytes are broken inside a whole batch costs that event alone; a broken batch has no events.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/decode/slot_plan.h"
#include "engine/decode/validate.h"
#include "operators/event/event.h"

namespace tocsin::decode {

class ProtobufDecoder {
 public:
  explicit ProtobufDecoder(const SlotPlan& plan);

  // `payload` is the batch, a part of `message`, which is what a dead letter of the whole holds.
  void decode(std::string_view message, std::string_view payload, EventBatch& out);

 private:
  static constexpr size_t kFieldNumberMax = 18;

  bool read_batch(std::string_view payload, EventBatch& out);
  void add_event(std::string_view bytes, uint32_t index, EventBatch& out);
  // False if the bytes are no TelemetryEvent.
  bool read_fields(std::string_view bytes, EventFacts& facts, std::string_view* slots) const;
  // Reads a field and returns the position behind it: the first one only if it has its usual form, else it returns nullptr; the
  // second one any field, and nullptr if it is broken.
  const uint8_t* read_usual_field(const uint8_t* p, const uint8_t* end, EventFacts& facts, std::string_view* slots) const;
  const uint8_t* read_field(const uint8_t* p, const uint8_t* end, EventFacts& facts, std::string_view* slots) const;
  // A length-delimited field, known or not; false if it is a label that is broken.
  bool take_bytes(uint32_t field_number, std::string_view bytes, EventFacts& facts, std::string_view* slots) const;
  bool take_label(std::string_view entry, std::string_view* slots) const;
  bool texts_are_utf8(const EventFacts& facts, const std::string_view* slots) const;

  const SlotPlan& plan_;
  std::array<int, kFieldNumberMax + 1> text_slot_by_number_;  // -1: not extracted, or no string
  int level_slot_;
  bool domain_is_extracted_;
  std::vector<DeadLetter> dead_letters_;  // of the message at hand, until it is known to be whole
};

}  // namespace tocsin::decode
