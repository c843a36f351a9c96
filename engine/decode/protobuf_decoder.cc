#include "engine/decode/protobuf_decoder.h"

#include <string>
#include <utility>

#include "engine/decode/protobuf_wire.h"
#include "engine/decode/reasons.h"
#include "engine/decode/utf8.h"

namespace tocsin::decode {
namespace {

constexpr uint32_t varint(uint32_t field) { return make_tag(field, WireType::kVarint); }
constexpr uint32_t fixed64(uint32_t field) { return make_tag(field, WireType::kFixed64); }
constexpr uint32_t bytes_of(uint32_t field) { return make_tag(field, WireType::kBytes); }

// Field numbers of TelemetryEvent (proto/tocsin/v1/telemetry.proto).
constexpr uint32_t kTimestamp = 1, kDomain = 2, kOperation = 3, kSuccess = 4, kLatency = 5, kErrorCode = 6, kLevel = 7, kActorId = 8,
                   kRequestId = 9, kActorType = 10, kSessionId = 11, kTraceId = 12, kSpanId = 13, kEventId = 14, kLabels = 15, kWeight = 16,
                   kMetric = 17, kValue = 18;

constexpr std::array<std::pair<uint32_t, Field>, kFieldCount - 1> kTextFields = {{
    {kDomain, Field::kDomain},
    {kOperation, Field::kOperation},
    {kErrorCode, Field::kErrorCode},
    {kActorType, Field::kActorType},
    {kActorId, Field::kActorId},
    {kSessionId, Field::kSessionId},
    {kRequestId, Field::kRequestId},
    {kTraceId, Field::kTraceId},
    {kSpanId, Field::kSpanId},
    {kEventId, Field::kEventId},
    {kMetric, Field::kMetric},
}};

// A label as every writer writes it: key and value in this order, their lengths in one byte each. False if it is any other.
bool read_usual_label(std::string_view entry, std::string_view& key, std::string_view& value) {
  if (entry.size() < 4) return false;
  const auto* const p = reinterpret_cast<const uint8_t*>(entry.data());
  const size_t key_size = p[1];
  if (p[0] != bytes_of(1) || key_size >= 0x80 || key_size + 4 > entry.size()) return false;
  const size_t value_size = p[key_size + 3];
  if (p[key_size + 2] != bytes_of(2) || value_size >= 0x80 || key_size + value_size + 4 != entry.size()) return false;
  key = entry.substr(2, key_size);
  value = entry.substr(key_size + 4);
  return true;
}

const uint8_t* begin_of(std::string_view bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

}  // namespace

ProtobufDecoder::ProtobufDecoder(const SlotPlan& plan)
    : plan_(plan), level_slot_(plan.field_slot(Field::kLevel)), domain_is_extracted_(plan.field_slot(Field::kDomain) >= 0) {
  text_slot_by_number_.fill(-1);
  for (const auto& [number, field] : kTextFields) text_slot_by_number_[number] = plan.field_slot(field);
}

void ProtobufDecoder::decode(std::string_view message, std::string_view payload, EventBatch& out) {
  const size_t events_before = out.events().size();
  dead_letters_.clear();
  if (!read_batch(payload, out)) {
    while (out.events().size() > events_before) out.remove_last();
    out.reject(0, std::string(kBrokenBatch), message);
    return;
  }
  for (DeadLetter& letter : dead_letters_) out.reject(letter.index, std::move(letter.reason), letter.raw);
}

bool ProtobufDecoder::read_batch(std::string_view payload, EventBatch& out) {
  const uint8_t* p = begin_of(payload);
  const uint8_t* const end = p + payload.size();
  uint32_t index = 0;
  while (p < end) {
    uint32_t tag = 0;
    p = read_tag(p, end, tag);
    if (p == nullptr) return false;
    if (tag == bytes_of(1)) {
      std::string_view event;
      p = read_bytes(p, end, event);
      if (p != nullptr) add_event(event, index++, out);
    } else {
      p = skip_field(tag, p, end, kNestingMax);
    }
    if (p == nullptr) return false;
  }
  return true;
}

void ProtobufDecoder::add_event(std::string_view bytes, uint32_t index, EventBatch& out) {
  Event& event = out.append({});
  std::string_view* const slots = plan_.size() == 0 ? nullptr : &out.slot(out.events().size() - 1, 0);
  event.index = index;
  event.raw = bytes;
  EventFacts facts;
  std::string_view reason;
  if (!read_fields(bytes, facts, slots)) {
    reason = kBrokenEvent;
  } else if (!texts_are_utf8(facts, slots)) {
    reason = kNotUtf8;
  } else {
    reason = make_event(facts, event);
  }
  if (reason.empty()) return;
  dead_letters_.push_back({index, std::string(reason), bytes});
  out.remove_last();
}

bool ProtobufDecoder::read_fields(std::string_view bytes, EventFacts& facts, std::string_view* slots) const {
  const uint8_t* p = begin_of(bytes);
  const uint8_t* const end = p + bytes.size();
  while (p < end) {
    const uint8_t* const behind = read_usual_field(p, end, facts, slots);
    p = behind != nullptr ? behind : read_field(p, end, facts, slots);
    if (p == nullptr) return false;
  }
  return true;
}

// Nearly all fields: tags and lengths of one byte, small numbers, a label's key before its value. Inlined into the loop;
// whatever this one returns nullptr for is left to read_field().
[[gnu::always_inline]] inline const uint8_t* ProtobufDecoder::read_usual_field(const uint8_t* p, const uint8_t* end, EventFacts& facts,
                                                                               std::string_view* slots) const {
  const ptrdiff_t left = end - p;
  if (left < 3) return nullptr;
  switch (p[0]) {
    case varint(kTimestamp): {
      uint64_t number = 0;
      const uint8_t* const behind = read_varint_of_six(p + 1, end, number);
      if (behind != nullptr) facts.timestamp_ms = static_cast<int64_t>(number);
      return behind;
    }
    case varint(kSuccess):
      if (p[1] >= 0x80) return nullptr;
      facts.has_success = true;
      facts.success = p[1] != 0;
      return p + 2;
    case fixed64(kLatency): facts.has_latency = left >= 9; return read_double(p + 1, end, facts.latency_ms);
    case varint(kLevel):
      if (p[1] >= 0x80) return nullptr;
      if (level_slot_ >= 0) slots[level_slot_] = level_name(p[1]);
      return p + 2;
    case 0x80 | (varint(kWeight) & 0x7f):
      if (p[1] != varint(kWeight) >> 7 || p[2] >= 0x80) return nullptr;
      facts.weight = p[2];
      return p + 3;
    default: break;
  }
  if ((p[0] & 0x87) != static_cast<uint8_t>(WireType::kBytes) || p[0] < 8 || p[1] >= 0x80 || p[1] > left - 2) return nullptr;
  const std::string_view text(reinterpret_cast<const char*>(p + 2), p[1]);
  switch (p[0] >> 3) {
    case kLabels: {
      std::string_view key;
      std::string_view value;
      if (!read_usual_label(text, key, value)) return nullptr;
      if (const int slot = plan_.label_slot(key); slot >= 0) slots[slot] = value;
      return p + 2 + text.size();
    }
    case kDomain: facts.domain = text; break;
    case kErrorCode: facts.has_error_code = !text.empty(); break;
    default: break;
  }
  if (const int slot = text_slot_by_number_[p[0] >> 3]; slot >= 0) slots[slot] = text;
  return p + 2 + text.size();
}

const uint8_t* ProtobufDecoder::read_field(const uint8_t* p, const uint8_t* end, EventFacts& facts, std::string_view* slots) const {
  uint32_t tag = 0;
  uint64_t number = 0;
  p = read_tag(p, end, tag);
  if (p == nullptr) return nullptr;
  switch (tag) {
    case varint(kTimestamp):
      p = read_varint_of_six(p, end, number);
      facts.timestamp_ms = static_cast<int64_t>(number);
      return p;
    case varint(kSuccess):
      p = read_varint(p, end, number);
      facts.has_success = true;
      facts.success = number != 0;
      return p;
    case fixed64(kLatency): facts.has_latency = true; return read_double(p, end, facts.latency_ms);
    case varint(kLevel):
      p = read_varint(p, end, number);
      if (level_slot_ >= 0) slots[level_slot_] = level_name(static_cast<uint32_t>(number));  // an enum is 32 bits wide
      return p;
    case varint(kWeight):
      p = read_varint(p, end, number);
      facts.weight = static_cast<uint32_t>(number);
      return p;
    case fixed64(kValue): facts.has_value = true; return read_double(p, end, facts.value);
    default: break;
  }
  if ((tag & 7) != static_cast<uint32_t>(WireType::kBytes) || tag >> 3 == 0) return skip_field(tag, p, end, kNestingMax - 1);
  std::string_view bytes;
  p = read_bytes(p, end, bytes);
  return p != nullptr && take_bytes(tag >> 3, bytes, facts, slots) ? p : nullptr;
}

bool ProtobufDecoder::take_bytes(uint32_t field_number, std::string_view bytes, EventFacts& facts, std::string_view* slots) const {
  switch (field_number) {
    case kLabels: return take_label(bytes, slots);
    case kDomain: facts.domain = bytes; break;
    case kErrorCode: facts.has_error_code = !bytes.empty(); break;
    case kMetric: facts.has_metric = !bytes.empty(); break;
    default: break;
  }
  if (field_number > kFieldNumberMax) return true;
  if (const int slot = text_slot_by_number_[field_number]; slot >= 0) slots[slot] = bytes;
  return true;
}

bool ProtobufDecoder::take_label(std::string_view entry, std::string_view* slots) const {
  const uint8_t* p = begin_of(entry);
  const uint8_t* const end = p + entry.size();
  std::string_view key;
  std::string_view value;
  while (p < end) {
    uint32_t tag = 0;
    p = read_tag(p, end, tag);
    if (p == nullptr) return false;
    if (tag == bytes_of(1)) {
      p = read_bytes(p, end, key);
    } else if (tag == bytes_of(2)) {
      p = read_bytes(p, end, value);
    } else {
      p = skip_field(tag, p, end, kNestingMax - 2);
    }
    if (p == nullptr) return false;
  }
  if (const int slot = plan_.label_slot(key); slot >= 0) slots[slot] = value;
  return true;
}

bool ProtobufDecoder::texts_are_utf8(const EventFacts& facts, const std::string_view* slots) const {
  if (!domain_is_extracted_ && !is_valid_utf8(facts.domain)) return false;
  for (int slot = 0; slot < plan_.size(); ++slot) {
    if (!is_valid_utf8(slots[slot])) return false;
  }
  return true;
}

}  // namespace tocsin::decode
