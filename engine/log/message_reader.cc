#include "engine/log/message_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/log/padding.h"

namespace tocsin::log {
namespace {

constexpr size_t kVarintBytesMax = 10;

struct Varint {
  uint64_t value = 0;
  size_t bytes = 0;  // 0: goes on beyond what was given
};

// A base-128 number, least significant group first; nothing if it has more than ten bytes.
std::optional<Varint> parse_varint(std::string_view bytes) {
  Varint varint;
  for (size_t i = 0; i < std::min(bytes.size(), kVarintBytesMax); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    varint.value |= uint64_t{byte & 0x7fU} << (7 * i);
    if ((byte & 0x80U) == 0) {
      varint.bytes = i + 1;
      return varint;
    }
  }
  if (bytes.size() >= kVarintBytesMax) return std::nullopt;
  return Varint{};
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

MessageReader::MessageReader(std::string name, std::unique_ptr<ByteStream> stream, const Options& options)
    : name_(std::move(name)), stream_(std::move(stream)), options_(options) {}

Status MessageReader::read(size_t count_max, Messages& out) {
  out.views.clear();
  out.chunk.reset();
  while (true) {
    if (options_.framing == Framing::kLines) {
      cut_lines(count_max, out);
    } else {
      cut_delimited(count_max, out);
    }
    if (!out.views.empty()) {
      out.chunk = chunk_;
      return {};
    }
    if (!failure_.ok() || at_end_) return failure_;
    refill();
  }
}

void MessageReader::cut_lines(size_t count_max, Messages& out) {
  while (failure_.ok() && begin_ < end_ && out.views.size() < count_max) {
    const char* from = chunk_.get() + begin_;
    const auto* newline = static_cast<const char*>(std::memchr(chunk_.get() + searched_, '\n', end_ - searched_));
    if (newline == nullptr) {
      searched_ = end_;
      if (end_ - begin_ > options_.message_bytes_max) return fail_too_large();
      if (!at_end_) return;
      add_line(end_ - begin_, out);
      begin_ = end_;
      return;
    }
    const auto length = static_cast<size_t>(newline - from);
    if (length > options_.message_bytes_max) return fail_too_large();
    add_line(length, out);
    begin_ += length + 1;
    searched_ = begin_;
  }
}

void MessageReader::add_line(size_t length, Messages& out) {
  ++messages_;
  std::string_view line(chunk_.get() + begin_, length);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!is_blank(line)) out.views.push_back(line);
}

void MessageReader::cut_delimited(size_t count_max, Messages& out) {
  while (failure_.ok() && begin_ < end_ && out.views.size() < count_max) {
    const std::string_view rest(chunk_.get() + begin_, end_ - begin_);
    const std::optional<Varint> length = parse_varint(rest);
    if (!length) {
      failure_ = data_loss(fmt::format("{} {}: no length begins here; is the file length-delimited TelemetryBatches?", name_, place()));
      return;
    }
    if (length->bytes > 0 && length->value > options_.message_bytes_max) return fail_too_large();
    const size_t whole = length->bytes + static_cast<size_t>(length->value);
    if (length->bytes == 0 || rest.size() < whole) {
      if (at_end_) failure_ = data_loss(fmt::format("{} {}: the file ends within it", name_, place()));
      return;
    }
    ++messages_;
    out.views.push_back(rest.substr(length->bytes, static_cast<size_t>(length->value)));
    begin_ += whole;
  }
}

void MessageReader::refill() {
  make_room();
  const Result<size_t> got = stream_->read(chunk_.get() + end_, capacity_ - end_);
  if (!got.ok()) {
    failure_ = Status(got.status().code(), fmt::format("{}, {}", got.status().message(), place()));
    return;
  }
  end_ += *got;
  at_end_ = *got == 0;
}

void MessageReader::make_room() {
  const size_t rest = end_ - begin_;
  const bool held_outside = chunk_ != nullptr && chunk_.use_count() > 1;
  if (chunk_ != nullptr && !held_outside && end_ < capacity_) return;
  // Doubling keeps the copying of a message that arrives in pieces linear.
  const size_t capacity = std::max(options_.chunk_bytes, 2 * rest);
  std::shared_ptr<char[]> target = chunk_;
  if (chunk_ == nullptr || held_outside || capacity > capacity_) {
    target = std::shared_ptr<char[]>(new char[capacity + kRecordPadding]);
    capacity_ = capacity;
  }
  if (rest > 0) std::memmove(target.get(), chunk_.get() + begin_, rest);
  chunk_ = std::move(target);
  searched_ -= std::min(searched_, begin_);
  begin_ = 0;
  end_ = rest;
}

void MessageReader::fail_too_large() {
  failure_ = invalid_argument(fmt::format("{} {} is longer than the {} bytes allowed", name_, place(), options_.message_bytes_max));
}

// The line or message that begins at begin_.
std::string MessageReader::place() const {
  return fmt::format("{} {}", options_.framing == Framing::kLines ? "line" : "message", messages_ + 1);
}

}  // namespace tocsin::log
