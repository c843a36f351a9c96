#pragma once

// The members of one JSON object, collected while it is read and then made into an event.
//
// Collected first, judged at the end, because only then is known what counts: a member that is written twice counts as it was
// written last (as every JSON reader does it), members may come in any order, and `labels` wins over `metadata` over members that
// are no field. Of two spellings of one member (timestamp_ms and ts) the last that is not null counts, and both must have the
// right type.
//
// Thread:     worker-confined.
// Lifetime:   the SlotPlan must outlive it; values are views into the message.
// Invariants: nothing is kept from one object to the next, after finish() or forget().

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/decode/json_scalar.h"
#include "engine/decode/name_table.h"
#include "engine/decode/slot_plan.h"
#include "engine/decode/validate.h"
#include "operators/event/event.h"

namespace tocsin::decode {

// The members that have a meaning of their own, in the order of kWrongTypes.
enum class Member : uint8_t {
  kTimestamp,
  kDomain,
  kOperation,
  kSuccess,
  kLatency,
  kErrorCode,
  kLevel,
  kActorId,
  kRequestId,
  kActorType,
  kSessionId,
  kTraceId,
  kSpanId,
  kEventId,
  kLabels,
  kWeight,
  kMetric,
  kValue,
  kMetadata,
};

struct JsonValue {
  enum class Kind : uint8_t { kNull, kTrue, kFalse, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool escaped = false;   // of a string: has escapes, which are valid
  std::string_view text;  // of a scalar as written, a string's without its quotes
  PlainNumber plain;      // of a number, if it is one
};

// Where a label came from, the weakest first.
enum class LabelSource : uint8_t { kMember, kMetadata, kLabels };

class JsonEvent {
 public:
  explicit JsonEvent(const SlotPlan& plan);

  static constexpr int kUnknown = -1;
  // The number of a known member's spelling ("latencyMs"), or kUnknown; and which member it is.
  int spelling(std::string_view name) const { return spellings_by_name_.find(name); }
  static Member member(int spelling);

  // Where a known member's value belongs, to be written at once; of labels and metadata their labels follow by add_label(), if it is
  // an object.
  JsonValue& set_member(int spelling) {
    const uint32_t bit = uint32_t{1} << spelling;
    if ((seen_bits_ & bit) != 0) [[unlikely]]
      forget_member(spelling);
    seen_bits_ |= bit;
    seen_[seen_count_++] = static_cast<uint8_t>(spelling);
    return values_[static_cast<size_t>(spelling)];
  }
  // Whether of a text under this spelling nothing is wanted. Then pass_over() takes the place of set_member() for texts.
  bool is_unwanted_text(int spelling) const { return (unwanted_texts_ >> spelling & 1) != 0; }
  void pass_over(int spelling) {
    if ((seen_bits_ >> spelling & 1) != 0) [[unlikely]]
      forget_member(spelling);
  }
  void begin_labels(LabelSource source);
  // A member of `labels` or `metadata`, or one of the event that is not known.
  void add_label(LabelSource source, std::string_view name, const JsonValue& value);

  // Appends the event, or returns the reason why it cannot be used. Forgets the members either way.
  std::string_view finish(uint32_t index, std::string_view raw, EventBatch& out);
  // Forgets the members of an object that turned out to be broken.
  void forget();

 private:
  static constexpr size_t kSpellingCount = 30;
  static constexpr size_t kSourceCount = 3;
  struct Label {
    std::array<JsonValue, kSourceCount> by_source;
    std::string_view text;
    bool listed = false;  // in label_slots_
  };

  void forget_member(int spelling);
  std::string_view judge(EventBatch& out);
  // These return false if the value has the wrong type.
  bool read_member(int spelling, const JsonValue& value, EventBatch& out);
  bool read_number_member(int spelling, const JsonValue& value, EventBatch& out);
  bool read_field(Field field, const JsonValue& value, EventBatch& out);
  bool read_level(const JsonValue& value, EventBatch& out);
  void read_labels(EventBatch& out);
  // The text of a string, number or boolean; sets not_utf8_ if there is none.
  std::string_view text_of(const JsonValue& value, EventBatch& out);

  const SlotPlan& plan_;
  NameTable spellings_by_name_;

  std::array<JsonValue, kSpellingCount> values_;
  std::array<uint8_t, kSpellingCount> seen_;  // the first seen_count_: spellings, by where they were written last
  size_t seen_count_ = 0;
  uint32_t seen_bits_ = 0;
  uint32_t unwanted_texts_ = 0;   // spellings
  std::vector<Label> labels_;     // by slot
  std::vector<int> label_slots_;  // those that were set, each once, however often its name was written
  std::array<bool, kSourceCount> label_has_wrong_type_{};

  EventFacts facts_;
  std::array<std::string_view, kFieldCount> fields_;
  bool not_utf8_ = false;
};

}  // namespace tocsin::decode
