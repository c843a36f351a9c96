#pragma once

// JSON messages to events: one object, an array of objects, or one object a line.
//
// Which of them: a text that as a whole is one object or array is read as such, over however many lines it goes. Any other text of
// several lines is read line by line if its content type says so, or if it looks so: it does not begin with '[', and its first
// line ends with '}' or its second one begins with '{'. Then every line that is not blank is an event of its own, and one that is
// broken costs nothing but itself. In an object or array a syntax error anywhere makes the whole message undecodable.
//
// Every value is visited, also those nobody wants, and held against RFC 8259. NaN and Infinity are not JSON; numbers may be of any
// size; a leading byte order mark is passed over.
//
// Thread:     worker-confined.
// Lifetime:   the SlotPlan must outlive it.
// Invariants: values nested deeper than kJsonDepthMax make a message undecodable, so recursion is bounded.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/decode/json_event.h"
#include "engine/decode/json_tokens.h"
#include "engine/decode/slot_plan.h"
#include "operators/event/event.h"

namespace tocsin::decode {

inline constexpr int kJsonDepthMax = 500;

class JsonDecoder {
 public:
  explicit JsonDecoder(const SlotPlan& plan);

  // `payload` is a part of `message`, which is what a dead letter of the whole holds. `lines`: the content type says that every
  // line is an object. `padding`: readable bytes behind the end of the message.
  void decode(std::string_view message, std::string_view payload, bool lines, size_t padding, EventBatch& out);

 private:
  class Walk;
  // A key with its quotes, without escapes, and its JsonEvent::spelling().
  struct UsualKey {
    std::string token;
    int spelling = JsonEvent::kUnknown;
  };
  enum class Outcome : uint8_t { kOk, kNoObject, kBroken, kTooDeep };

  void decode_trimmed(std::string_view message, std::string_view text, bool lines, EventBatch& out);
  void decode_lines(std::string_view text, uint32_t index, EventBatch& out);
  // The events and dead letters of a text that is one object or array, or nothing at all of any other. Dead letters of the object,
  // event number `index`, hold `raw`.
  Outcome decode_text(std::string_view text, bool array_allowed, uint32_t index, std::string_view raw, EventBatch& out);
  Outcome walk(std::string_view text, uint32_t index, std::string_view raw, EventBatch& out);
  bool walk_array(Walk& walk, EventBatch& out);
  void finish_event(uint32_t index, std::string_view event_raw, std::string_view dead_raw, EventBatch& out);
  // The bytes of the message that `text`, perhaps in padded_, stands for.
  std::string_view in_message(std::string_view text) const { return {message_base_ + (text.data() - read_base_), text.size()}; }
  static std::string_view reason_of(Outcome outcome);

  JsonTokens tokens_;  // of the text at hand
  JsonEvent event_;
  std::array<UsualKey, 32> usual_keys_;  // by their place in the last object that had another one there
  std::string padded_;                   // a copy of a payload that lacks padding
  const char* read_base_ = nullptr;
  const char* message_base_ = nullptr;
  std::vector<DeadLetter> dead_letters_;  // of the text at hand, until it is known to be whole
};

}  // namespace tocsin::decode
