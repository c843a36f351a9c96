#include "engine/loadgen/encoder.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

namespace tocsin::loadgen {
namespace {

constexpr std::string_view kActorStem = "user-";

// --- JSON ---

std::string json_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

void append_number(std::string& out, uint64_t value) {
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}

// Whole microseconds as milliseconds with three decimals: read back, they are the same microseconds.
void append_milliseconds(std::string& out, uint64_t us) {
  append_number(out, us / 1000);
  const auto fraction = static_cast<uint32_t>(us % 1000);
  const std::array<char, 4> digits = {'.', static_cast<char>('0' + fraction / 100), static_cast<char>('0' + fraction / 10 % 10),
                                      static_cast<char>('0' + fraction % 10)};
  out.append(digits.data(), digits.size());
}

using TraceId = std::array<char, 32>;

TraceId trace_id_text(const LoadEvent& event) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  TraceId text;
  for (size_t i = 0; i < 16; ++i) {
    const size_t shift = 60 - 4 * i;
    text[i] = kDigits[(event.trace_id_high >> shift) & 15];
    text[i + 16] = kDigits[(event.trace_id_low >> shift) & 15];
  }
  return text;
}

// --- Protobuf ---

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2 };

constexpr uint32_t tag(uint32_t field, WireType type) { return field << 3 | type; }

// Field numbers of TelemetryBatch and TelemetryEvent (proto/tocsin/v1/telemetry.proto).
constexpr uint32_t kBatchEvents = tag(1, kBytes);
constexpr uint32_t kTimestamp = tag(1, kVarint);
constexpr uint32_t kDomain = tag(2, kBytes);
constexpr uint32_t kOperation = tag(3, kBytes);
constexpr uint32_t kSuccess = tag(4, kVarint);
constexpr uint32_t kLatency = tag(5, kFixed64);
constexpr uint32_t kErrorCode = tag(6, kBytes);
constexpr uint32_t kActorId = tag(8, kBytes);
constexpr uint32_t kTraceId = tag(12, kBytes);
constexpr uint32_t kLabels = tag(15, kBytes);
constexpr uint32_t kWeight = tag(16, kVarint);
constexpr uint32_t kMapKey = tag(1, kBytes);
constexpr uint32_t kMapValue = tag(2, kBytes);

constexpr size_t varint_size(uint64_t value) { return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7; }

void append_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(static_cast<unsigned char>(value | 0x80));
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_bytes(std::string& out, uint32_t field_tag, std::string_view bytes) {
  append_varint(out, field_tag);
  append_varint(out, bytes.size());
  out += bytes;
}

void append_double(std::string& out, uint32_t field_tag, double value) {
  static_assert(std::endian::native == std::endian::little, "doubles are copied as they lie in memory");
  append_varint(out, field_tag);
  std::array<char, sizeof value> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  out.append(bytes.data(), bytes.size());
}

std::string bytes_field(uint32_t field_tag, std::string_view bytes) {
  std::string out;
  append_bytes(out, field_tag, bytes);
  return out;
}

std::string label_field(std::string_view name, std::string_view value) {
  return bytes_field(kLabels, bytes_field(kMapKey, name) + bytes_field(kMapValue, value));
}

}  // namespace

Encoder::Encoder(const LoadOptions& options)
    : format_(options.format), trace_ids_(options.trace_ids), actors_(options.actors != 0), operations_(options.operations.size()) {
  const bool json = format_ == Format::kJson;
  for (const std::string& domain : options.domains) {
    names_.domain.push_back(json ? json_string(domain) : bytes_field(kDomain, domain));
    for (const std::string& operation : options.operations) {
      const std::string name = fmt::format("{}.{}", domain, operation);
      names_.operation.push_back(json ? json_string(name) : bytes_field(kOperation, name));
    }
  }
  for (const std::string& region : options.regions) {
    names_.region.push_back(json ? json_string(region) : label_field("region", region));
  }
  for (const LoadLabel& label : options.labels) {
    std::vector<std::string>& values = names_.labels.emplace_back();
    for (const std::string& value : label.values) {
      values.push_back(json ? ',' + json_string(label.name) + ':' + json_string(value) : label_field(label.name, value));
    }
  }
  for (const std::string_view code : error_codes()) {
    names_.error_code.push_back(json ? json_string(code) : bytes_field(kErrorCode, code));
  }
}

void Encoder::begin(std::string& out) {
  out.clear();
  count_ = 0;
  // Room for an array's bracket; a message of one object gives it back.
  if (format_ == Format::kJson) out += '[';
}

void Encoder::add(const LoadEvent& event, std::string& out) {
  if (format_ == Format::kProtobuf) {
    add_protobuf(event, out);
  } else {
    if (count_ > 0) out += ',';
    add_json(event, out);
  }
  ++count_;
}

void Encoder::end(std::string& out) {
  if (format_ != Format::kJson) return;
  if (count_ == 1) {
    out.erase(0, 1);
  } else {
    out += ']';
  }
}

void Encoder::add_json(const LoadEvent& event, std::string& out) const {
  out += R"({"timestamp_ms":)";
  append_number(out, static_cast<uint64_t>(event.time.ms));
  out += R"(,"domain":)";
  out += names_.domain[event.domain];
  out += R"(,"operation":)";
  out += names_.operation[event.domain * operations_ + event.operation];
  out += event.success ? R"(,"success":true,"latency_ms":)" : R"(,"success":false,"latency_ms":)";
  append_milliseconds(out, event.latency_us);
  if (!event.success) {
    out += R"(,"error_code":)";
    out += names_.error_code[event.error_code];
  }
  if (actors_) {
    out += R"(,"actor_id":")";
    out += kActorStem;
    append_number(out, event.actor);
    out += '"';
  }
  if (trace_ids_) {
    const TraceId trace_id = trace_id_text(event);
    out += R"(,"trace_id":")";
    out.append(trace_id.data(), trace_id.size());
    out += '"';
  }
  out += R"(,"labels":{"region":)";
  out += names_.region[event.region];
  for (size_t i = 0; i < names_.labels.size(); ++i) out += label(event, i);
  out += '}';
  if (event.weight != 1) {
    out += R"(,"weight":)";
    append_number(out, event.weight);
  }
  out += '}';
}

void Encoder::add_protobuf(const LoadEvent& event, std::string& out) const {
  const std::string& domain = names_.domain[event.domain];
  const std::string& operation = names_.operation[event.domain * operations_ + event.operation];
  const std::string& region = names_.region[event.region];
  const std::string_view error_code = event.success ? std::string_view() : std::string_view(names_.error_code[event.error_code]);
  const auto time_ms = static_cast<uint64_t>(event.time.ms);
  const fmt::format_int actor(event.actor);
  const size_t actor_size = actors_ ? 2 + kActorStem.size() + actor.size() : 0;
  size_t labels_size = region.size();
  for (size_t i = 0; i < names_.labels.size(); ++i) labels_size += label(event, i).size();
  const size_t trace_id_size = trace_ids_ ? 2 + std::tuple_size_v<TraceId> : 0;
  const size_t weight_size = event.weight == 1 ? 0 : 2 + varint_size(event.weight);
  const size_t size = 1 + varint_size(time_ms) + domain.size() + operation.size() + 2 + 9 + error_code.size() + actor_size + trace_id_size +
                      labels_size + weight_size;

  append_varint(out, kBatchEvents);
  append_varint(out, size);
  append_varint(out, kTimestamp);
  append_varint(out, time_ms);
  out += domain;
  out += operation;
  append_varint(out, kSuccess);
  out += event.success ? '\1' : '\0';
  append_double(out, kLatency, static_cast<double>(event.latency_us) / 1000);
  out += error_code;
  if (actors_) {
    append_varint(out, kActorId);
    append_varint(out, kActorStem.size() + actor.size());
    out += kActorStem;
    out.append(actor.data(), actor.size());
  }
  if (trace_ids_) {
    const TraceId trace_id = trace_id_text(event);
    append_bytes(out, kTraceId, {trace_id.data(), trace_id.size()});
  }
  out += region;
  for (size_t i = 0; i < names_.labels.size(); ++i) out += label(event, i);
  if (event.weight != 1) {
    append_varint(out, kWeight);
    append_varint(out, event.weight);
  }
}

}  // namespace tocsin::loadgen
