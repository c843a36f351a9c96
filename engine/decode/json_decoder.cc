#include "engine/decode/json_decoder.h"

#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include <simdjson.h>

#include "engine/decode/decoder.h"
#include "engine/decode/json_scalar.h"
#include "engine/decode/reasons.h"

namespace tocsin::decode {

namespace ondemand = simdjson::ondemand;
using Kind = JsonValue::Kind;

static_assert(Decoder::kPadding >= simdjson::SIMDJSON_PADDING, "what callers are told to provide");

namespace {

// Whether there is a backslash in `text`, eight bytes at a time: reads up to seven bytes beyond its end, which the padding allows.
bool has_backslash(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  constexpr uint64_t kHighBits = 0x8080808080808080ULL;
  for (size_t i = 0; i < text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof word);
    word ^= kOnes * '\\';
    // The lowest bit set marks the first zero byte, that is backslash; bits above it may be false.
    const uint64_t zeros = (word - kOnes) & ~word & kHighBits;
    if (zeros != 0) return i + static_cast<size_t>(std::countr_zero(zeros)) / 8 < text.size();
  }
  return false;
}

}  // namespace

struct JsonDecoder::Parser {
  ondemand::parser parser;
  ondemand::document document;  // the text at hand
};

// One pass over a document: visits and checks every value, and hands the members of events to the JsonEvent.
//
// simdjson has found where tokens begin. A token reaches to the begin of the next one, so what follows a scalar in its token must
// be space. The functions return false as soon as something is wrong; then nothing further may be asked of the document.
class JsonDecoder::Walk {
 public:
  Walk(const JsonDecoder& decoder, JsonEvent& event) : decoder_(decoder), event_(event) {}

  Outcome failure() const { return failure_; }

  bool read_event(ondemand::object& object) {
    for (auto result : object) {
      if (result.error() != simdjson::SUCCESS) return false;
      ondemand::field&& field = std::move(result).value_unsafe();  // moving it out costs a fifth of the time
      ondemand::value& value = field.value();
      std::string_view name;
      JsonValue found;
      if (!read_key(field, name) || !read_value(value, found)) return false;
      const int spelling = event_.spelling(name);
      if (spelling == JsonEvent::kUnknown) {
        event_.add_label(LabelSource::kMember, name, found);
      } else {
        event_.set_member(spelling, found);
        const Member member = JsonEvent::member(spelling);
        if (member == Member::kLabels || member == Member::kMetadata) {
          if (!read_labels(member == Member::kLabels ? LabelSource::kLabels : LabelSource::kMetadata, value, found.kind)) return false;
          continue;
        }
      }
      if (!skip_inside(value, found.kind, 2)) return false;
    }
    return true;
  }

  // What kind of value it is and, of a scalar, its text. Leaves arrays and objects where they are.
  bool read_value(ondemand::value& value, JsonValue& out) {
    const std::string_view token = value.raw_json_token();
    switch (token.front()) {
      case '{': out.kind = Kind::kObject; return true;
      case '[': out.kind = Kind::kArray; return true;
      case '"': return read_string(value, token, out);
      default: return read_number_or_literal(token, out);
    }
  }

  // Visits what is in an array or object, which lies `depth` deep; nothing to do for a scalar.
  bool skip_inside(ondemand::value& value, Kind kind, int depth) {
    if (kind != Kind::kArray && kind != Kind::kObject) return true;
    if (depth > kJsonDepthMax) {
      failure_ = Outcome::kTooDeep;
      return false;
    }
    return kind == Kind::kArray ? skip_elements(value, depth) : skip_members(value, depth);
  }

 private:
  bool read_labels(LabelSource source, ondemand::value& value, Kind kind) {
    event_.begin_labels(source);
    if (kind != Kind::kObject) return skip_inside(value, kind, 2);
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto result : object) {
      if (result.error() != simdjson::SUCCESS) return false;
      ondemand::field&& field = std::move(result).value_unsafe();
      ondemand::value& label = field.value();
      std::string_view name;
      JsonValue found;
      if (!read_key(field, name) || !read_value(label, found)) return false;
      event_.add_label(source, name, found);
      if (!skip_inside(label, found.kind, 3)) return false;
    }
    return true;
  }

  bool skip_elements(ondemand::value& value, int depth) {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return false;
    for (auto result : array) {
      ondemand::value element;
      JsonValue found;
      // NOLINTNEXTLINE(performance-move-const-arg): get() takes an rvalue
      if (std::move(result).get(element) != simdjson::SUCCESS || !read_value(element, found)) return false;
      if (!skip_inside(element, found.kind, depth + 1)) return false;
    }
    return true;
  }

  bool skip_members(ondemand::value& value, int depth) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto result : object) {
      if (result.error() != simdjson::SUCCESS) return false;
      ondemand::field&& field = std::move(result).value_unsafe();
      ondemand::value& member = field.value();
      std::string_view content;
      bool escaped = false;
      JsonValue found;
      if (!find_key(field, content, escaped) || !read_value(member, found) || !skip_inside(member, found.kind, depth + 1)) return false;
    }
    return true;
  }

  // A key's content. It ends at the last quote before its value: between the two there is nothing but a colon and space, which
  // saves a search for the quote.
  static bool find_key(ondemand::field& field, std::string_view& content, bool& escaped) {
    const char* const begin = field.key().raw();
    const char* end = field.value().raw_json_token().data() - 1;
    while (*end != '"') --end;
    content = {begin, static_cast<size_t>(end - begin)};
    escaped = has_backslash(content);
    return !escaped || escapes_are_valid(content);
  }

  // A key's text, valid until the next key. One with a lone surrogate is no text; it stays as written, which nothing of ours is named.
  bool read_key(ondemand::field& field, std::string_view& name) {
    bool escaped = false;
    if (!find_key(field, name, escaped)) return false;
    if (escaped) [[unlikely]] {
      std::optional<std::string> text = unescape(name);
      if (text) name = key_ = std::move(*text);
    }
    return true;
  }

  bool read_string(ondemand::value& value, std::string_view token, JsonValue& out) const {
    // Without this step simdjson would take a string before a stray ':' for a key and pass over both.
    if (value.get_raw_json_string().error() != simdjson::SUCCESS) return false;
    token = trim_json_space_right(token);
    if (token.size() < 2 || token.back() != '"') return false;
    const std::string_view content = token.substr(1, token.size() - 2);
    out.kind = Kind::kString;
    out.escaped = has_backslash(content);
    out.text = decoder_.in_message(content);
    return !out.escaped || escapes_are_valid(content);
  }

  bool read_number_or_literal(std::string_view token, JsonValue& out) const {
    token = trim_json_space_right(token);
    out.text = decoder_.in_message(token);
    if (is_json_number(token)) {
      out.kind = Kind::kNumber;
    } else if (token == "true") {
      out.kind = Kind::kTrue;
    } else if (token == "false") {
      out.kind = Kind::kFalse;
    } else {
      out.kind = Kind::kNull;
      return token == "null";
    }
    return true;
  }

  const JsonDecoder& decoder_;
  JsonEvent& event_;
  std::string key_;
  Outcome failure_ = Outcome::kBroken;
};

JsonDecoder::JsonDecoder(const SlotPlan& plan) : parser_(std::make_unique<Parser>()), event_(plan) {}
JsonDecoder::~JsonDecoder() = default;

void JsonDecoder::decode(std::string_view message, std::string_view payload, bool lines, size_t padding, EventBatch& out) {
  std::string_view text = payload;
  message_base_ = payload.data();
  if (padding < simdjson::SIMDJSON_PADDING) {
    padded_.assign(payload);
    padded_.append(simdjson::SIMDJSON_PADDING, '\0');
    text = std::string_view(padded_).substr(0, payload.size());
  }
  read_base_ = text.data();
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text = trim_json_space(text);
  if (text.empty()) {
    out.reject(0, std::string(kEmptyMessage), message);
  } else {
    decode_trimmed(message, text, lines, out);
  }
}

void JsonDecoder::decode_trimmed(std::string_view message, std::string_view text, bool lines, EventBatch& out) {
  const size_t newline = text.find('\n');
  bool may_be_lines = false;
  if (newline != std::string_view::npos) {
    const std::string_view first = trim_json_space_right(text.substr(0, newline));
    const std::string_view rest = trim_json_space_left(text.substr(newline));
    may_be_lines = lines || (text.front() != '[' && (first.ends_with('}') || rest.front() == '{'));
    // One object and something behind it: no single document. Saves reading the whole text in vain.
    if (may_be_lines && first.ends_with('}') && decode_text(first, false, 0, in_message(first), out) == Outcome::kOk) {
      decode_lines(rest, 1, out);
      return;
    }
  }
  const Outcome outcome = decode_text(text, true, 0, message, out);
  if (outcome == Outcome::kOk) return;
  if (may_be_lines) {
    decode_lines(text, 0, out);
  } else {
    out.reject(0, std::string(reason_of(outcome)), message);
  }
}

void JsonDecoder::decode_lines(std::string_view text, uint32_t index, EventBatch& out) {
  while (!text.empty()) {
    const std::string_view line = trim_json_space(text.substr(0, text.find('\n')));
    const Outcome outcome = decode_text(line, false, index, in_message(line), out);
    if (outcome != Outcome::kOk) out.reject(index, std::string(reason_of(outcome)), in_message(line));
    ++index;
    text = trim_json_space_left(text.substr(static_cast<size_t>(line.data() + line.size() - text.data())));
  }
}

JsonDecoder::Outcome JsonDecoder::decode_text(std::string_view text, bool array_allowed, uint32_t index, std::string_view raw,
                                              EventBatch& out) {
  if (text.front() != '{' && (text.front() != '[' || !array_allowed)) return Outcome::kNotAnObject;
  const size_t events_before = out.events().size();
  dead_letters_.clear();
  const Outcome outcome = walk(text, index, raw, out);
  if (outcome == Outcome::kOk) {
    for (DeadLetter& letter : dead_letters_) out.reject(letter.index, std::move(letter.reason), letter.raw);
  } else {
    event_.forget();
    while (out.events().size() > events_before) out.remove_last();
  }
  return outcome;
}

JsonDecoder::Outcome JsonDecoder::walk(std::string_view text, uint32_t index, std::string_view raw, EventBatch& out) {
  // What follows the text in its buffer may be read: the rest of the message, and the padding.
  ondemand::document& document = parser_->document;
  const size_t readable = text.size() + simdjson::SIMDJSON_PADDING;
  if (parser_->parser.iterate(text.data(), text.size(), readable).get(document) != simdjson::SUCCESS) return Outcome::kBroken;
  Walk walk(*this, event_);
  if (text.front() == '[') {
    if (!walk_array(walk, out)) return walk.failure();
  } else {
    ondemand::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS || !walk.read_event(object)) return walk.failure();
    finish_event(index, in_message(text), raw, out);
  }
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS ? Outcome::kOk : Outcome::kBroken;
}

bool JsonDecoder::walk_array(Walk& walk, EventBatch& out) {
  ondemand::document& document = parser_->document;
  ondemand::array array;
  if (document.get_array().get(array) != simdjson::SUCCESS) return false;
  uint32_t index = 0;
  for (auto result : array) {
    ondemand::value element;
    JsonValue found;
    // NOLINTNEXTLINE(performance-move-const-arg): get() takes an rvalue
    if (std::move(result).get(element) != simdjson::SUCCESS) return false;
    std::string_view text = element.raw_json_token();
    if (!walk.read_value(element, found)) return false;
    if (found.kind == Kind::kObject) {
      ondemand::object object;
      if (element.get_object().get(object) != simdjson::SUCCESS || !walk.read_event(object)) return false;
    } else if (!walk.skip_inside(element, found.kind, 2)) {
      return false;
    }
    if (found.kind == Kind::kObject || found.kind == Kind::kArray) {
      // Its token is only the bracket. It reaches to the next token, which nobody has read yet.
      const char* next = nullptr;
      if (document.current_location().get(next) != simdjson::SUCCESS) return false;
      text = {text.data(), static_cast<size_t>(next - text.data())};
    }
    text = in_message(trim_json_space_right(text));
    if (found.kind == Kind::kObject) {
      finish_event(index, text, text, out);
    } else {
      dead_letters_.push_back({index, std::string(kNotAnObject), text});
    }
    ++index;
  }
  return true;
}

void JsonDecoder::finish_event(uint32_t index, std::string_view event_raw, std::string_view dead_raw, EventBatch& out) {
  const std::string_view reason = event_.finish(index, event_raw, out);
  if (!reason.empty()) dead_letters_.push_back({index, std::string(reason), dead_raw});
}

std::string_view JsonDecoder::reason_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNotAnObject: return kNotAnObject;
    case Outcome::kTooDeep: return kJsonTooDeep;
    case Outcome::kOk:
    case Outcome::kBroken: break;
  }
  return kBrokenJson;
}

}  // namespace tocsin::decode
