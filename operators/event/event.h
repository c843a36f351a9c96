#pragma once

// One telemetry event as the operators see it, and the plan that says which of its fields they need (SPEC 1).
//
// Decoders (engine/decode) fill an EventBatch from one message; stage 1 reads it. Nothing is copied that rules do not need: every
// string is a view into the message, or into the batch's own arena where the text had to be unescaped.
//
// Thread:   worker-confined.
// Lifetime: the views of a batch are valid until the message's bytes go or the batch is cleared, whichever is first.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"

namespace tocsin {

// The string and enum fields of an event. A name in a rule that is one of these always means the field, never a label.
enum class Field : uint8_t {
  kDomain,
  kOperation,
  kErrorCode,
  kLevel,
  kActorType,
  kActorId,
  kSessionId,
  kRequestId,
  kTraceId,
  kSpanId,
  kEventId,
  kMetric,
};
inline constexpr int kFieldCount = 12;

// The field of that snake_case name ("error_code"), if there is one.
std::optional<Field> field_by_name(std::string_view name);

// Which fields and labels the loaded rules look at: a decoder extracts these and nothing else. A slot is an index into it.
//
// Invariants: names are unique; the order is that of first mention and never changes.
class FieldPlan {
 public:
  struct Slot {
    std::string name;            // as rules write it: a field's snake_case name, or a label's name
    std::optional<Field> field;  // absent: a label
  };

  // The slot of `name`, made if new.
  int add(std::string_view name);
  // The slot of `name`, or -1.
  int find(std::string_view name) const;
  const std::vector<Slot>& slots() const { return slots_; }
  int size() const { return static_cast<int>(slots_.size()); }

 private:
  std::vector<Slot> slots_;
};

// The five levels in capitals ("ERROR"), or "" for an unknown one; `text` is read without regard to case.
std::string_view canonical_level(std::string_view text);

inline constexpr uint64_t kNoLatency = UINT64_MAX;
inline constexpr uint64_t kLatencyMaxMicros = uint64_t{1} << 53;

struct Event {
  EventTime time;
  uint64_t latency_us = kNoLatency;  // whole microseconds, or kNoLatency
  double value = 0;                  // of a measurement
  uint32_t weight = 1;               // >= 1
  bool success = true;
  bool measurement = false;  // has metric and value; not a request
  bool refused = false;      // was found unusable after decoding (too far in the future); counts nowhere
  uint32_t index = 0;        // position in its message, from 0
  std::string_view raw;      // the event's own bytes: the submessage, or the JSON object's text
};

// An event (or a whole message, then index 0) that cannot be used.
struct DeadLetter {
  uint32_t index = 0;
  std::string reason;    // such as "latency is negative"
  std::string_view raw;  // of a batch the event's bytes, else the message
};

// The events of one message.
class EventBatch {
 public:
  explicit EventBatch(int slots_per_event) : slots_per_event_(slots_per_event) {}

  void clear() {
    events_.clear();
    slots_.clear();
    dead_letters_.clear();
    arena_.clear();
  }

  // Appends `event` with all slots empty; its slots are then set through slot().
  Event& append(const Event& event) {
    slots_.resize(slots_.size() + static_cast<size_t>(slots_per_event_));
    return events_.emplace_back(event);
  }
  // Takes the last event back (a decoder found it bad after all).
  void remove_last() {
    events_.pop_back();
    slots_.resize(slots_.size() - static_cast<size_t>(slots_per_event_));
  }
  void reject(uint32_t index, std::string reason, std::string_view raw) { dead_letters_.push_back({index, std::move(reason), raw}); }

  // The text of slot `slot` of event number `event`; "" if absent.
  std::string_view& slot(size_t event, int slot) {
    return slots_[event * static_cast<size_t>(slots_per_event_) + static_cast<size_t>(slot)];
  }
  std::string_view slot(size_t event, int slot) const {
    return slots_[event * static_cast<size_t>(slots_per_event_) + static_cast<size_t>(slot)];
  }
  // All slots of an event, slots_per_event() of them.
  const std::string_view* slots(size_t event) const { return slots_.data() + event * static_cast<size_t>(slots_per_event_); }

  // A copy of `text` that lives as long as the batch's content.
  std::string_view keep(std::string text) { return arena_.emplace_back(std::move(text)); }

  const std::vector<Event>& events() const { return events_; }
  std::vector<Event>& events() { return events_; }
  const std::vector<DeadLetter>& dead_letters() const { return dead_letters_; }
  int slots_per_event() const { return slots_per_event_; }

 private:
  int slots_per_event_;
  std::vector<Event> events_;
  std::vector<std::string_view> slots_;
  std::vector<DeadLetter> dead_letters_;
  std::deque<std::string> arena_;
};

}  // namespace tocsin
