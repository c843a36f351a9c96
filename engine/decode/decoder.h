#pragma once

// From the bytes of one message to events and dead letters (SPEC 1): the only way in for telemetry.
//
//   message ── payload.h: which encoding, framing off ──┬── protobuf_decoder.h ──┐
//                                                       └── json_decoder.h ──────┴── validate.h ── EventBatch
//
// An encoding is chosen by configuration, or (kAuto) per message as payload.h describes. What rules do not look at is checked for
// form and then passed over: only the slots of the FieldPlan are filled, with views into the message wherever its text can stand
// as it is.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "operators/event/event.h"

namespace tocsin {

// The encodings of telemetry that are read here (`input.format`).
enum class Format : uint8_t { kAuto, kProtobuf, kJson };

// Reads messages one after the other; keeps only scratch memory between them, of the size of the largest so far.
//
// Thread:     worker-confined.
// Lifetime:   the plan is copied. Views in the batch point into `message` or the batch's arena, never into the decoder.
// Invariants: (1) every event of a message becomes one event or one dead letter of the batch, under its position in the message;
//             (2) a message that as a whole cannot be decoded becomes one dead letter (index 0, the whole message) and no event;
//             (3) the outcome depends on the message, the content type, the format and the plan alone.
// Failure:    none; bad input of any kind is a dead letter with a reason from reasons.h.
class Decoder {
 public:
  Decoder(const FieldPlan& plan, Format format);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // Appends the events and dead letters of `message`. `content_type` is the message's header, or "". `padding` is the number of
  // bytes after the message's end that may be read (not: that are used); with kPadding or more JSON is read without a copy.
  // `out` must have as many slots per event as the plan.
  void decode(std::string_view message, std::string_view content_type, size_t padding, EventBatch& out);

  static constexpr size_t kPadding = 64;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tocsin
