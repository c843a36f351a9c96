#pragma once

// Decodes messages out of buffers that end exactly where the decoder may read last, so that a sanitizer sees any step beyond.

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/decode/decoder.h"

namespace tocsin {

class Harness {
 public:
  explicit Harness(const std::vector<std::string>& names = {}, Format format = Format::kAuto, size_t padding = Decoder::kPadding,
                   char fill = '\0')
      : plan_(plan_of(names)), decoder_(plan_, format), batch_(plan_.size()), padding_(padding), fill_(fill) {}

  // The batch of this message alone; it lives until the next call.
  EventBatch& decode(std::string_view message, std::string_view content_type = {}) {
    batch_.clear();
    buffer_ = std::make_unique<char[]>(message.size() + padding_ + (message.size() + padding_ == 0 ? 1 : 0));
    std::memcpy(buffer_.get(), message.data(), message.size());
    std::memset(buffer_.get() + message.size(), fill_, padding_);
    message_ = {buffer_.get(), message.size()};
    decoder_.decode(message_, content_type, padding_, batch_);
    return batch_;
  }

  std::string_view message() const { return message_; }
  std::string_view slot(size_t event, std::string_view name) const { return batch_.slot(event, plan_.find(name)); }

  // "" if the message is one good event, else the reason of its first dead letter, or "no event".
  std::string reason(std::string_view message, std::string_view content_type = {}) {
    const EventBatch& batch = decode(message, content_type);
    if (!batch.dead_letters().empty()) return batch.dead_letters().front().reason;
    return batch.events().empty() ? "no event" : "";
  }

 private:
  static FieldPlan plan_of(const std::vector<std::string>& names) {
    FieldPlan plan;
    for (const std::string& name : names) plan.add(name);
    return plan;
  }

  FieldPlan plan_;
  Decoder decoder_;
  EventBatch batch_;
  size_t padding_;
  char fill_;
  std::unique_ptr<char[]> buffer_;
  std::string_view message_;
};

// A JSON event with the members that are required, and more.
inline std::string event_with(std::string_view more) {
  std::string text = R"({"timestamp_ms":1700000000000,"domain":"chat")";
  if (!more.empty()) text.append(",").append(more);
  return text + "}";
}

}  // namespace tocsin
