#include "engine/decode/decoder.h"

#include <string>

#include "engine/base/check.h"
#include "engine/decode/json_decoder.h"
#include "engine/decode/payload.h"
#include "engine/decode/protobuf_decoder.h"
#include "engine/decode/slot_plan.h"

namespace tocsin {

struct Decoder::Parts {
  Parts(const FieldPlan& plan, Format chosen) : format(chosen), slots(plan), protobuf(slots), json(slots) {}

  Format format;
  decode::SlotPlan slots;
  decode::ProtobufDecoder protobuf;
  decode::JsonDecoder json;
};

Decoder::Decoder(const FieldPlan& plan, Format format) : parts_(std::make_unique<Parts>(plan, format)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

void Decoder::decode(std::string_view message, std::string_view content_type, size_t padding, EventBatch& out) {
  TOCSIN_CHECK(out.slots_per_event() == parts_->slots.size(), "the batch was made for another plan");
  const decode::Payload payload = decode::find_payload(message, content_type, parts_->format);
  if (!payload.reason.empty()) {
    out.reject(0, std::string(payload.reason), message);
  } else if (payload.format == Format::kProtobuf) {
    parts_->protobuf.decode(message, payload.bytes, out);
  } else {
    parts_->json.decode(message, payload.bytes, payload.lines, padding, out);
  }
}

}  // namespace tocsin
