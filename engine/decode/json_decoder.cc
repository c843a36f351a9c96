#include "engine/decode/json_decoder.h"

#include <optional>
#include <utility>

#include "engine/decode/decoder.h"
#include "engine/decode/json_scalar.h"
#include "engine/decode/reasons.h"

namespace tocsin::decode {

using Kind = JsonValue::Kind;

static_assert(Decoder::kPadding >= JsonTokens::kPadding, "what callers are told to provide");

// One pass over the tokens of a text: holds them against the grammar, and hands the members of events to the JsonEvent.
//
// The functions begin at the token they are named for and end behind it. They return false as soon as something is wrong; then
// nothing further may be read.
class JsonDecoder::Walk {
 public:
  explicit Walk(JsonDecoder& decoder) : decoder_(decoder), tokens_(decoder.tokens_), event_(decoder.event_) {}

  Outcome failure() const { return failure_; }

  // From an opening bracket behind the closing one: `read_one` for each member or element.
  template <typename ReadOne>
  bool for_each(char closing, ReadOne read_one) {
    tokens_.next();
    if (tokens_.front() == closing) {
      tokens_.next();
      return true;
    }
    while (read_one()) {
      const char separator = tokens_.front();
      tokens_.next();
      if (separator == closing) return true;
      if (separator != ',') return false;
    }
    return false;
  }

  bool read_event() {
    size_t place = 0;
    return for_each('}', [this, &place] {
      std::string_view name;
      int spelling = JsonEvent::kUnknown;
      if (!read_key_at(place++, name, spelling)) return false;
      if (spelling == JsonEvent::kUnknown) return read_label(LabelSource::kMember, name, 2);
      const Member member = JsonEvent::member(spelling);
      if (member == Member::kLabels || member == Member::kMetadata) {
        return read_labels(spelling, member == Member::kLabels ? LabelSource::kLabels : LabelSource::kMetadata);
      }
      if (event_.is_unwanted_text(spelling) && tokens_.front() == '"') {
        event_.pass_over(spelling);
        std::string_view content;
        bool escaped = false;
        return read_content(content, escaped);
      }
      JsonValue& value = event_.set_member(spelling);
      return read_value(value) && skip_inside(value.kind, 2);
    });
  }

  // A value that no event has a use for. `depth` is how deep what is in it would lie.
  bool skip_value(int depth) {
    JsonValue value;
    return read_value(value) && skip_inside(value.kind, depth);
  }

 private:
  // The key of an event's member number `place`, and its spelling. Objects of one writer have the same keys in the same places.
  bool read_key_at(size_t place, std::string_view& name, int& spelling) {
    if (place >= decoder_.usual_keys_.size()) {
      if (!read_key(name)) return false;
      spelling = event_.spelling(name);
      return true;
    }
    UsualKey& usual = decoder_.usual_keys_[place];
    const std::string_view token = tokens_.text();
    if (is_same_name(token, usual.token)) [[likely]] {
      name = token.substr(1, token.size() - 2);
      spelling = usual.spelling;
      tokens_.next();
      if (tokens_.front() != ':') return false;
      tokens_.next();
      return true;
    }
    if (!read_key(name)) return false;
    spelling = event_.spelling(name);
    if (token.size() == name.size() + 2 && token.data() + 1 == name.data()) usual = {std::string(token), spelling};
    return true;
  }

  // Says what kind of value it is and, of a scalar, its text; stays before arrays and objects.
  bool read_value(JsonValue& out) {
    switch (tokens_.front()) {
      case '"': return read_string(out);
      case '{': out.kind = Kind::kObject; return true;
      case '[': out.kind = Kind::kArray; return true;
      default: return read_number_or_literal(out);
    }
  }

  // Passes over an array or object, what is in which lies `depth` deep; nothing to do for a scalar.
  bool skip_inside(Kind kind, int depth) {
    if (kind != Kind::kArray && kind != Kind::kObject) return true;
    if (depth > kJsonDepthMax) {
      failure_ = Outcome::kTooDeep;
      return false;
    }
    if (kind == Kind::kArray) return for_each(']', [this, depth] { return skip_value(depth + 1); });
    return for_each('}', [this, depth] {
      std::string_view name;
      return read_key(name) && skip_value(depth + 1);
    });
  }

  bool read_labels(int spelling, LabelSource source) {
    event_.begin_labels(source);
    JsonValue& labels = event_.set_member(spelling);
    if (!read_value(labels)) return false;
    if (labels.kind != Kind::kObject) return skip_inside(labels.kind, 2);
    return for_each('}', [this, source] {
      std::string_view name;
      return read_key(name) && read_label(source, name, 3);
    });
  }

  bool read_label(LabelSource source, std::string_view name, int depth) {
    JsonValue value;
    if (!read_value(value)) return false;
    event_.add_label(source, name, value);  // before another key takes the place of its name
    return skip_inside(value.kind, depth);
  }

  // A key and its colon; the key's text is valid until the next key. One with a lone surrogate is no text; it stays as written, which
  // nothing of ours is named.
  bool read_key(std::string_view& name) {
    bool escaped = false;
    if (tokens_.front() != '"' || !read_content(name, escaped) || tokens_.front() != ':') return false;
    tokens_.next();
    if (escaped) [[unlikely]] {
      std::optional<std::string> text = unescape(name);
      if (text) name = key_ = std::move(*text);
    }
    return true;
  }

  bool read_string(JsonValue& out) {
    out.kind = Kind::kString;
    std::string_view content;
    if (!read_content(content, out.escaped)) return false;
    out.text = decoder_.in_message(content);
    return true;
  }

  // What is between the quotes. Behind a string's closing quote its token has only space.
  bool read_content(std::string_view& content, bool& escaped) {
    const std::string_view token = trim_json_space_right(tokens_.text());
    if (token.size() < 2 || token.back() != '"') return false;
    tokens_.next();
    content = token.substr(1, token.size() - 2);
    escaped = tokens_.have_backslash() && content.find('\\') != std::string_view::npos;
    return !escaped || escapes_are_valid(content);
  }

  bool read_number_or_literal(JsonValue& out) {
    const std::string_view token = trim_json_space_right(tokens_.text());
    if (out.plain.read(token) || is_json_number(token)) {
      out.kind = Kind::kNumber;
    } else if (token == "true") {
      out.kind = Kind::kTrue;
    } else if (token == "false") {
      out.kind = Kind::kFalse;
    } else if (token == "null") {
      out.kind = Kind::kNull;
    } else {
      return false;
    }
    tokens_.next();
    out.escaped = false;
    out.text = decoder_.in_message(token);
    return true;
  }

  JsonDecoder& decoder_;
  JsonTokens& tokens_;
  JsonEvent& event_;
  std::string key_;
  Outcome failure_ = Outcome::kBroken;
};

JsonDecoder::JsonDecoder(const SlotPlan& plan) : event_(plan) {}

void JsonDecoder::decode(std::string_view message, std::string_view payload, bool lines, size_t padding, EventBatch& out) {
  std::string_view text = payload;
  message_base_ = payload.data();
  if (padding < JsonTokens::kPadding) {
    padded_.assign(payload);
    padded_.append(JsonTokens::kPadding, '\0');
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
  if (text.front() != '{' && (text.front() != '[' || !array_allowed)) return Outcome::kNoObject;
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
  if (text.back() != (text.front() == '[' ? ']' : '}') || !tokens_.find(text)) return Outcome::kBroken;
  Walk walk(*this);
  if (text.front() == '[') {
    if (!walk_array(walk, out)) return walk.failure();
  } else {
    if (!walk.read_event()) return walk.failure();
    finish_event(index, in_message(text), raw, out);
  }
  return tokens_.at_end() ? Outcome::kOk : Outcome::kBroken;
}

bool JsonDecoder::walk_array(Walk& walk, EventBatch& out) {
  uint32_t index = 0;
  return walk.for_each(']', [&] {
    const char* const begin = tokens_.begin();
    const bool is_event = tokens_.front() == '{';
    if (!(is_event ? walk.read_event() : walk.skip_value(2))) return false;
    const std::string_view text = in_message(trim_json_space_right(std::string_view(begin, static_cast<size_t>(tokens_.begin() - begin))));
    if (is_event) {
      finish_event(index, text, text, out);
    } else {
      dead_letters_.push_back({index, std::string(kNotAnObject), text});
    }
    ++index;
    return true;
  });
}

void JsonDecoder::finish_event(uint32_t index, std::string_view event_raw, std::string_view dead_raw, EventBatch& out) {
  const std::string_view reason = event_.finish(index, event_raw, out);
  if (!reason.empty()) dead_letters_.push_back({index, std::string(reason), dead_raw});
}

std::string_view JsonDecoder::reason_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNoObject: return kNotAnObject;
    case Outcome::kTooDeep: return kJsonTooDeep;
    case Outcome::kOk:
    case Outcome::kBroken: break;
  }
  return kBrokenJson;
}

}  // namespace tocsin::decode
