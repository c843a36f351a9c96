#include "operators/sketch/sketch_parts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/check.h"
#include "operators/sketch/sort.h"
#include "operators/sketch/varint.h"

namespace tocsin {
namespace {

constexpr char kValues = 'V';
constexpr char kDigest = 'D';

// Goes through parts; every read is within bounds.
class PartReader {
 public:
  explicit PartReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool at_end() const { return at_ == end_; }

  bool kind(char& out) {
    if (at_ == end_) return false;
    out = *at_++;
    return true;
  }

  // Up to 32 bits, in at most five bytes.
  bool varint(uint32_t& out) {
    // A difference of two latencies seldom takes more than two.
    if (end_ - at_ >= 2) {
      const auto first = static_cast<uint8_t>(at_[0]);
      const auto second = static_cast<uint8_t>(at_[1]);
      if (first < 0x80) {
        out = first;
        at_ += 1;
        return true;
      }
      if (second < 0x80) {
        out = (first & 0x7fU) | uint32_t{second} << 7;
        at_ += 2;
        return true;
      }
    }
    return long_varint(out);
  }

  bool long_varint(uint32_t& out) {
    uint64_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      if (at_ == end_) return false;
      const auto next = static_cast<uint8_t>(*at_++);
      value |= uint64_t{next & 0x7fU} << shift;
      if (next < 0x80) {
        out = static_cast<uint32_t>(value);
        return value <= UINT32_MAX;
      }
    }
    return false;
  }

  // How many values a part lists whose kind has been read.
  bool count(uint32_t& out) { return varint(out) && out != 0 && out <= SketchParts::kValuesMax; }

  // Calls visit(value) for so many values.
  template <typename Visit>
  bool values(uint32_t count, const Visit& visit) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t step = 0;
      if (!varint(step)) return false;
      value += step;
      if (value > UINT32_MAX) return false;
      visit(static_cast<uint32_t>(value));
    }
    return true;
  }

  bool digest(std::string_view& out) {
    uint32_t length = 0;
    if (!varint(length) || length > static_cast<size_t>(end_ - at_)) return false;
    out = {at_, length};
    at_ += length;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

bool is_sound(std::string_view bytes) {
  PartReader in(bytes);
  while (!in.at_end()) {
    char kind = 0;
    uint32_t count = 0;
    std::string_view digest;
    if (!in.kind(kind)) return false;
    switch (kind) {
      case kValues:
        if (!in.count(count) || !in.values(count, [](uint32_t) {})) return false;
        break;
      case kDigest:
        if (!in.digest(digest) || !TDigest::decode(digest)) return false;
        break;
      default: return false;
    }
  }
  return true;
}

}  // namespace

std::optional<SketchParts> SketchParts::from_bytes(std::string_view bytes) {
  if (!is_sound(bytes)) return std::nullopt;
  SketchParts parts;
  parts.bytes_ = bytes;
  return parts;
}

void SketchParts::add_values(std::span<const uint32_t> values) {
  TOCSIN_CHECK(!values.empty() && values.size() <= kValuesMax, "a part lists 1 to kValuesMax values");
  constexpr size_t kVarintMax = 5;
  std::array<char, 1 + kVarintMax * (1 + kValuesMax)> part;
  char* end = part.data();
  *end++ = kValues;
  end = put_varint(end, static_cast<uint32_t>(values.size()));
  uint32_t last = 0;
  for (const uint32_t value : values) {
    end = put_varint(end, value - last);
    last = value;
  }
  bytes_.append(part.data(), end);
}

void SketchParts::add_digest(const TDigest& digest) {
  std::string encoded;
  digest.encode(encoded);
  bytes_.push_back(kDigest);
  put_varint(bytes_, encoded.size());
  bytes_ += encoded;
}

void SketchParts::compact() {
  SketchMerger merger;
  merger.add(*this);
  bytes_.clear();
  if (merger.digest_.empty() && merger.values_.size() <= kValuesMax) {
    add_sorted(merger.values_);
  } else {
    add_digest(merger.take());
  }
  bytes_.shrink_to_fit();
}

// In as many lists as they need.
void SketchParts::add_sorted(std::span<uint32_t> values) {
  sort_ascending(values);
  for (; !values.empty(); values = values.subspan(std::min(values.size(), kValuesMax))) {
    add_values(values.first(std::min(values.size(), kValuesMax)));
  }
}

void SketchMerger::add(const SketchParts& parts) { TOCSIN_CHECK(add(parts.bytes()), "parts that were checked are sound"); }

bool SketchMerger::add(std::string_view bytes) {
  PartReader in(bytes);
  while (!in.at_end()) {
    char kind = 0;
    uint32_t count = 0;
    std::string_view encoded;
    if (!in.kind(kind)) return false;
    if (kind == kValues) {
      if (!in.count(count)) return false;
      values_.resize(values_.size() + count);
      uint32_t* at = values_.data() + values_.size() - count;
      if (!in.values(count, [&at](uint32_t value) { *at++ = value; })) return false;
    } else if (kind == kDigest) {
      if (!in.digest(encoded)) return false;
      const std::optional<TDigest> digest = TDigest::decode(encoded);
      if (!digest) return false;
      digest_.merge(*digest);
    } else {
      return false;
    }
  }
  return true;
}

void SketchMerger::fold_beyond(size_t values) {
  if (values_.size() <= values) return;
  sort_ascending(std::span(values_));
  digest_.add_sorted(std::span<const uint32_t>(values_));
  values_.clear();
}

SketchParts SketchMerger::take_parts(size_t list_bytes_max) {
  SketchParts parts;
  // A listed value takes a byte at least.
  if (digest_.empty() && values_.size() <= list_bytes_max) {
    parts.add_sorted(values_);
    if (parts.bytes().size() <= list_bytes_max) {
      values_.clear();
      return parts;
    }
    parts = {};
  }
  parts.add_digest(take());
  return parts;
}

TDigest SketchMerger::take() {
  fold_beyond(0);
  return std::exchange(digest_, TDigest());
}

}  // namespace tocsin
