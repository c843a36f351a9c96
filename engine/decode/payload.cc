#include "engine/decode/payload.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "engine/decode/json_scalar.h"
#include "engine/decode/protobuf_wire.h"
#include "engine/decode/reasons.h"

namespace tocsin::decode {
namespace {

struct ContentType {
  std::string_view name;  // in lower case
  Format format;
  bool lines;
};

constexpr std::array<ContentType, 11> kContentTypes = {{
    {"application/json", Format::kJson, false},
    {"text/json", Format::kJson, false},
    {"application/x-ndjson", Format::kJson, true},
    {"application/ndjson", Format::kJson, true},
    {"application/jsonl", Format::kJson, true},
    {"application/x-jsonlines", Format::kJson, true},
    {"application/jsonlines", Format::kJson, true},
    {"application/protobuf", Format::kProtobuf, false},
    {"application/x-protobuf", Format::kProtobuf, false},
    {"application/vnd.google.protobuf", Format::kProtobuf, false},
    {"application/x-google-protobuf", Format::kProtobuf, false},
}};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_without_case(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(), [](char a, char b) { return lower(a) == b; });
}

ContentType find_content_type(std::string_view header) {
  const std::string_view media = trim_json_space(header.substr(0, header.find(';')));
  for (const ContentType& known : kContentTypes) {
    if (equal_without_case(media, known.name)) return known;
  }
  constexpr std::string_view kSuffix = "+json";  // RFC 6839
  if (media.size() > kSuffix.size() && equal_without_case(media.substr(media.size() - kSuffix.size()), kSuffix)) {
    return {media, Format::kJson, false};
  }
  return {media, Format::kAuto, false};
}

// The first byte of `text` that is no space, or 0.
char first_visible(std::string_view text) {
  const std::string_view rest = trim_json_space_left(text);
  return rest.empty() ? '\0' : rest.front();
}

// Of a message that begins with 0x0A: see the header.
bool newline_begins_json(std::string_view message) {
  const std::string_view rest = trim_json_space_left(message.substr(1));
  if (rest.empty()) return false;
  if (rest.front() != '{' && rest.front() != '[') return false;
  if (rest.size() < message.size() - 1) return true;
  const char next = first_visible(rest.substr(1));
  return rest.front() == '{' ? next == '"' || next == '}' : next == '{' || next == ']';
}

Format sniff(std::string_view message) {
  if (message.front() == '\n') return newline_begins_json(message) ? Format::kJson : Format::kProtobuf;
  if (message.starts_with(kByteOrderMark)) return Format::kJson;
  const char first = first_visible(message);
  return first == '{' || first == '[' ? Format::kJson : Format::kProtobuf;
}

// Takes a message-index list off: a zig-zag count, then as many zig-zag indexes; a single 0 stands for the list [0].
bool drop_message_indexes(std::string_view& bytes) {
  const auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
  const uint8_t* const end = p + bytes.size();
  uint64_t count = 0;
  p = read_varint(p, end, count);
  if (p == nullptr || (count & 1) != 0) return false;  // odd: negative
  for (count >>= 1; count > 0; --count) {
    uint64_t index = 0;
    p = read_varint(p, end, index);
    if (p == nullptr) return false;
  }
  bytes.remove_prefix(bytes.size() - static_cast<size_t>(end - p));
  return true;
}

Payload unframe(std::string_view message, Payload payload) {
  constexpr size_t kHeader = 5;  // the byte 0 and a schema id of 4
  if (message.size() < kHeader) {
    payload.reason = kBrokenFraming;
    return payload;
  }
  payload.bytes = message.substr(kHeader);
  if (payload.format == Format::kAuto) {
    const char first = first_visible(payload.bytes);
    payload.format = first == '{' || first == '[' ? Format::kJson : Format::kProtobuf;
  }
  if (payload.format == Format::kProtobuf && !drop_message_indexes(payload.bytes)) payload.reason = kBrokenFraming;
  return payload;
}

}  // namespace

Payload find_payload(std::string_view message, std::string_view content_type, Format format) {
  Payload payload{format, false, message, {}};
  if (!content_type.empty()) {
    const ContentType named = find_content_type(content_type);
    if (format == Format::kAuto) payload.format = named.format;
    payload.lines = named.lines;
  }
  if (!message.empty() && message.front() == '\0') return unframe(message, payload);
  if (payload.format != Format::kAuto) return payload;
  if (trim_json_space_left(message).empty()) {
    payload.reason = kEmptyMessage;
  } else {
    payload.format = sniff(message);
  }
  return payload;
}

}  // namespace tocsin::decode
