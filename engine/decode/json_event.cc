#include "engine/decode/json_event.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "engine/base/time.h"
#include "engine/decode/json_scalar.h"
#include "engine/decode/reasons.h"

namespace tocsin::decode {
namespace {

using Kind = JsonValue::Kind;

struct Spelling {
  std::string_view name;
  Member member;
};

constexpr std::array<Spelling, 30> kSpellings = {{
    {"ts", Member::kTimestamp},          {"timestamp_ms", Member::kTimestamp},
    {"timestampMs", Member::kTimestamp}, {"domain", Member::kDomain},
    {"operation", Member::kOperation},   {"success", Member::kSuccess},
    {"latency_ms", Member::kLatency},    {"latencyMs", Member::kLatency},
    {"error_code", Member::kErrorCode},  {"errorCode", Member::kErrorCode},
    {"level", Member::kLevel},           {"actor_id", Member::kActorId},
    {"actorId", Member::kActorId},       {"request_id", Member::kRequestId},
    {"requestId", Member::kRequestId},   {"actor_type", Member::kActorType},
    {"actorType", Member::kActorType},   {"session_id", Member::kSessionId},
    {"sessionId", Member::kSessionId},   {"trace_id", Member::kTraceId},
    {"traceId", Member::kTraceId},       {"span_id", Member::kSpanId},
    {"spanId", Member::kSpanId},         {"event_id", Member::kEventId},
    {"eventId", Member::kEventId},       {"labels", Member::kLabels},
    {"metadata", Member::kMetadata},     {"weight", Member::kWeight},
    {"metric", Member::kMetric},         {"value", Member::kValue},
}};
constexpr int kTsSpelling = 0;  // the only one that may be an RFC 3339 time

std::string_view wrong_type(Member member) { return kWrongTypes[static_cast<size_t>(member)]; }

// The field that a member's text is, if that is all it is.
std::optional<Field> text_field(Member member) {
  switch (member) {
    case Member::kOperation: return Field::kOperation;
    case Member::kActorId: return Field::kActorId;
    case Member::kRequestId: return Field::kRequestId;
    case Member::kActorType: return Field::kActorType;
    case Member::kSessionId: return Field::kSessionId;
    case Member::kTraceId: return Field::kTraceId;
    case Member::kSpanId: return Field::kSpanId;
    case Member::kEventId: return Field::kEventId;
    default: return std::nullopt;
  }
}

bool is_scalar(const JsonValue& value) { return value.kind != Kind::kArray && value.kind != Kind::kObject; }

}  // namespace

JsonEvent::JsonEvent(const SlotPlan& plan) : plan_(plan), labels_(static_cast<size_t>(plan.size())) {
  static_assert(kSpellings.size() == kSpellingCount && kSpellingCount <= 32, "one bit each in seen_bits_");
  for (size_t i = 0; i < kSpellings.size(); ++i) {
    spellings_by_name_.add(kSpellings[i].name, static_cast<int>(i));
    const std::optional<Field> field = text_field(kSpellings[i].member);
    if (field && plan.field_slot(*field) < 0) unwanted_texts_ |= uint32_t{1} << i;
  }
}

Member JsonEvent::member(int spelling) { return kSpellings[static_cast<size_t>(spelling)].member; }

void JsonEvent::forget_member(int spelling) {
  uint8_t* const end = seen_.data() + seen_count_;
  (void)std::remove(seen_.data(), end, static_cast<uint8_t>(spelling));  // exactly one
  --seen_count_;
  seen_bits_ &= ~(uint32_t{1} << spelling);
}

void JsonEvent::begin_labels(LabelSource source) {
  const auto index = static_cast<size_t>(source);
  label_has_wrong_type_[index] = false;
  for (const int slot : label_slots_) labels_[static_cast<size_t>(slot)].by_source[index] = {};
}

void JsonEvent::add_label(LabelSource source, std::string_view name, const JsonValue& value) {
  if (source != LabelSource::kMember && !is_scalar(value)) label_has_wrong_type_[static_cast<size_t>(source)] = true;
  const int slot = plan_.label_slot(name);
  if (slot < 0) return;
  Label& label = labels_[static_cast<size_t>(slot)];
  if (!std::exchange(label.listed, true)) label_slots_.push_back(slot);
  label.by_source[static_cast<size_t>(source)] = is_scalar(value) ? value : JsonValue{};
}

std::string_view JsonEvent::finish(uint32_t index, std::string_view raw, EventBatch& out) {
  std::string_view reason = judge(out);
  Event event;
  event.index = index;
  event.raw = raw;
  if (reason.empty()) reason = make_event(facts_, event);
  if (reason.empty()) {
    out.append(event);
    const size_t number = out.events().size() - 1;
    for (int field = 0; field < kFieldCount; ++field) {
      const int slot = plan_.field_slot(static_cast<Field>(field));
      if (slot >= 0) out.slot(number, slot) = fields_[static_cast<size_t>(field)];
    }
    for (const int slot : label_slots_) out.slot(number, slot) = labels_[static_cast<size_t>(slot)].text;
  }
  forget();
  return reason;
}

std::string_view JsonEvent::judge(EventBatch& out) {
  for (size_t i = 0; i < seen_count_; ++i) {
    const int spelling = seen_[i];
    const JsonValue& value = values_[static_cast<size_t>(spelling)];
    if (value.kind != Kind::kNull && !read_member(spelling, value, out)) return wrong_type(member(spelling));
  }
  if (label_has_wrong_type_[static_cast<size_t>(LabelSource::kLabels)] ||
      label_has_wrong_type_[static_cast<size_t>(LabelSource::kMetadata)]) {
    return kWrongTypes.back();
  }
  read_labels(out);
  return not_utf8_ ? kNotUtf8 : std::string_view{};
}

bool JsonEvent::read_member(int spelling, const JsonValue& value, EventBatch& out) {
  switch (member(spelling)) {
    case Member::kTimestamp:
    case Member::kLatency:
    case Member::kWeight:
    case Member::kValue: return read_number_member(spelling, value, out);
    case Member::kSuccess:
      facts_.has_success = true;
      facts_.success = value.kind == Kind::kTrue;
      return value.kind == Kind::kTrue || value.kind == Kind::kFalse;
    case Member::kLabels:
    case Member::kMetadata: return value.kind == Kind::kObject;
    case Member::kLevel: return read_level(value, out);
    case Member::kDomain:
      if (value.kind != Kind::kString) return false;
      facts_.domain = text_of(value, out);
      fields_[static_cast<size_t>(Field::kDomain)] = facts_.domain;
      return true;
    case Member::kErrorCode: facts_.has_error_code = !value.text.empty(); return read_field(Field::kErrorCode, value, out);
    case Member::kMetric: facts_.has_metric = !value.text.empty(); return read_field(Field::kMetric, value, out);
    default: return read_field(*text_field(member(spelling)), value, out);
  }
}

bool JsonEvent::read_number_member(int spelling, const JsonValue& value, EventBatch& out) {
  if (value.kind != Kind::kNumber && value.kind != Kind::kString) return false;
  const bool is_number = value.kind == Kind::kNumber;
  const std::string_view text = text_of(value, out);
  const Member which = member(spelling);
  if (which == Member::kLatency || which == Member::kValue) {
    std::optional<double> number = is_number ? value.plain.as_double() : parse_json_double(text);
    if (!number && is_number) number = double_of_number(text);
    if (!number) return false;
    (which == Member::kLatency ? facts_.latency_ms : facts_.value) = *number;
    (which == Member::kLatency ? facts_.has_latency : facts_.has_value) = true;
    return true;
  }
  std::optional<int64_t> number;
  if (value.plain.decimals == 0 && is_number) {
    number = value.plain.mantissa;
  } else {
    number = is_number ? integer_of_number(text) : parse_json_integer(text);
  }
  if (!number && spelling == kTsSpelling && !is_number) number = parse_rfc3339(text);
  if (!number) return false;
  if (which == Member::kTimestamp) {
    facts_.timestamp_ms = *number;
    return true;
  }
  if (*number < 0 || *number > std::numeric_limits<uint32_t>::max()) return false;
  facts_.weight = static_cast<uint32_t>(*number);
  return true;
}

bool JsonEvent::read_field(Field field, const JsonValue& value, EventBatch& out) {
  if (value.kind != Kind::kString) return false;
  if (plan_.field_slot(field) >= 0) fields_[static_cast<size_t>(field)] = text_of(value, out);
  return true;
}

bool JsonEvent::read_level(const JsonValue& value, EventBatch& out) {
  std::string_view& level = fields_[static_cast<size_t>(Field::kLevel)];
  if (value.kind == Kind::kString) {
    level = plan_.field_slot(Field::kLevel) >= 0 ? canonical_level(text_of(value, out)) : std::string_view{};
    return true;
  }
  if (value.kind != Kind::kNumber) return false;
  const std::optional<int64_t> number = integer_of_number(value.text);
  if (!number) return false;
  level = level_name(static_cast<uint64_t>(*number));
  return true;
}

void JsonEvent::read_labels(EventBatch& out) {
  for (const int slot : label_slots_) {
    Label& label = labels_[static_cast<size_t>(slot)];
    for (size_t source = kSourceCount; source-- > 0;) {
      if (label.by_source[source].kind == Kind::kNull) continue;
      label.text = text_of(label.by_source[source], out);
      break;
    }
  }
}

std::string_view JsonEvent::text_of(const JsonValue& value, EventBatch& out) {
  if (value.kind == Kind::kTrue) return "true";
  if (value.kind == Kind::kFalse) return "false";
  if (!value.escaped) return value.text;
  std::optional<std::string> text = unescape(value.text);
  if (!text) {
    not_utf8_ = true;
    return {};
  }
  return out.keep(std::move(*text));
}

void JsonEvent::forget() {
  for (const int slot : label_slots_) labels_[static_cast<size_t>(slot)] = {};
  label_slots_.clear();
  label_has_wrong_type_ = {};
  seen_count_ = 0;
  seen_bits_ = 0;
  facts_ = {};
  fields_ = {};
  not_utf8_ = false;
}

}  // namespace tocsin::decode
