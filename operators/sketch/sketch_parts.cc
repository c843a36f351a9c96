#include "operators/sketch/sketch_parts.h"

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

  // Calls visit(value) for the values of a part whose kind has been read.
  template <typename Visit>
  bool values(const Visit& visit) {
    uint32_t count = 0;
    if (!varint(count) || count == 0 || count > SketchParts::kValuesMax) return false;
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
    std::string_view digest;
    if (!in.kind(kind)) return false;
    switch (kind) {
      case kValues:
        if (!in.values([](uint32_t) {})) return false;
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
  bytes_.push_back(kValues);
  put_varint(bytes_, values.size());
  uint32_t last = 0;
  for (const uint32_t value : values) {
    put_varint(bytes_, value - last);
    last = value;
  }
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
    sort_ascending(std::span(merger.values_));
    if (!merger.values_.empty()) add_values(merger.values_);
  } else {
    add_digest(merger.take());
  }
  bytes_.shrink_to_fit();
}

void SketchMerger::add(const SketchParts& parts) { TOCSIN_CHECK(add(parts.bytes()), "parts that were checked are sound"); }

bool SketchMerger::add(std::string_view bytes) {
  PartReader in(bytes);
  while (!in.at_end()) {
    char kind = 0;
    std::string_view encoded;
    if (!in.kind(kind)) return false;
    if (kind == kValues) {
      if (!in.values([this](uint32_t value) { values_.push_back(value); })) return false;
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

TDigest SketchMerger::take() {
  sort_ascending(std::span(values_));
  digest_.add_sorted(std::span<const uint32_t>(values_));
  values_.clear();
  return std::exchange(digest_, TDigest());
}

}  // namespace tocsin
