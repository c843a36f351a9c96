// The stored form of a t-digest.
//
//   byte    1 if every value is a whole number from 0 to 2^53, else 0
//   varint  number of marks
//   per mark:
//     value   varint, less the value before (the first: itself), if whole; else the 8 bytes of the double, little-endian
//     varint  2 * gap + (weight > 1)
//     varint  weight - 2, if weight > 1
//
// A varint is that of protobuf, in its shortest form. Each digest has one encoding: decode() refuses all others.

#include <bit>
#include <cmath>

#include "operators/sketch/tdigest.h"
#include "operators/sketch/varint.h"

namespace tocsin {
namespace {

constexpr double kMaxWhole = 9007199254740992;  // 2^53

bool is_whole(double value) { return value >= 0 && value <= kMaxWhole && value == std::floor(value); }

bool all_whole(const std::vector<Mark>& marks) {
  for (const Mark& mark : marks) {
    if (!is_whole(mark.value)) return false;
  }
  return true;
}

void put_double(std::string& out, double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(bits >> shift));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  size_t size() const { return rest_.size(); }

  bool byte(uint8_t& out) {
    if (rest_.empty()) return false;
    out = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return true;
  }

  bool varint(uint64_t& out) {
    out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      uint8_t next = 0;
      if (!byte(next)) return false;
      const auto bits = static_cast<uint64_t>(next & 0x7f);
      if (shift == 63 && bits > 1) return false;
      out |= bits << shift;
      if (next < 0x80) return next != 0 || shift == 0;  // a last byte of 0 adds nothing: not the shortest form
    }
    return false;
  }

  bool fixed_double(double& out) {
    uint64_t bits = 0;
    for (int shift = 0; shift < 64; shift += 8) {
      uint8_t next = 0;
      if (!byte(next)) return false;
      bits |= static_cast<uint64_t>(next) << shift;
    }
    out = std::bit_cast<double>(bits);
    return true;
  }

 private:
  std::string_view rest_;
};

// The next value, which lies above all before it.
bool read_value(Reader& in, bool whole, const std::vector<Mark>& before, double& value) {
  const double last = before.empty() ? 0 : before.back().value;
  if (whole) {
    uint64_t step = 0;
    if (!in.varint(step) || step > static_cast<uint64_t>(kMaxWhole) || (step == 0 && !before.empty())) return false;
    value = last + static_cast<double>(step);
    return value <= kMaxWhole;
  }
  if (!in.fixed_double(value) || !std::isfinite(value) || (value == 0 && std::signbit(value))) return false;
  return before.empty() || value > last;
}

// The next mark and the gap before it. `count` is the weight of all so far, and stays below TDigest::kMaxCount.
bool read_mark(Reader& in, bool whole, Clusters& clusters, uint64_t& count) {
  double value = 0;
  uint64_t gap_and_more = 0;
  uint64_t weight = 1;
  if (!read_value(in, whole, clusters.marks, value) || !in.varint(gap_and_more)) return false;
  if ((gap_and_more & 1) != 0) {
    if (!in.varint(weight) || weight >= TDigest::kMaxCount) return false;
    weight += 2;
  }
  const uint64_t gap = gap_and_more >> 1;
  if (gap >= TDigest::kMaxCount || (gap != 0 && clusters.marks.empty())) return false;
  count += gap + weight;  // three terms below 2^62, and 2: no overflow
  if (count >= TDigest::kMaxCount) return false;
  clusters.marks.push_back({value, weight});
  clusters.gaps.push_back(gap);
  return true;
}

}  // namespace

void TDigest::encode(std::string& out) const {
  settle();
  Clusters thinned = clusters_;
  if (thinned.marks.size() > kRawLimit) thin(thinned, ClusterLimit(count_));
  const bool whole = all_whole(thinned.marks);
  out.push_back(whole ? 1 : 0);
  put_varint(out, thinned.marks.size());
  uint64_t last = 0;
  for (size_t i = 0; i < thinned.marks.size(); ++i) {
    const Mark& mark = thinned.marks[i];
    if (whole) {
      const auto value = static_cast<uint64_t>(mark.value);
      put_varint(out, value - last);
      last = value;
    } else {
      put_double(out, mark.value);
    }
    put_varint(out, thinned.gap(i) * 2 + (mark.weight > 1 ? 1 : 0));
    if (mark.weight > 1) put_varint(out, mark.weight - 2);
  }
}

std::optional<TDigest> TDigest::decode(std::string_view bytes) {
  Reader in(bytes);
  uint8_t whole = 0;
  uint64_t size = 0;
  if (!in.byte(whole) || whole > 1 || !in.varint(size)) return std::nullopt;
  if (size > kMaxMarks || size > in.size() / 2) return std::nullopt;  // before anything of that size is made

  TDigest digest;
  digest.clusters_.marks.reserve(size);
  digest.clusters_.gaps.reserve(size);
  for (uint64_t i = 0; i < size; ++i) {
    if (!read_mark(in, whole == 1, digest.clusters_, digest.count_)) return std::nullopt;
  }
  if (!in.at_end()) return std::nullopt;

  Clusters& clusters = digest.clusters_;
  bool any_gap = false;
  for (const uint64_t gap : clusters.gaps) any_gap = any_gap || gap != 0;
  if (!any_gap) clusters.gaps.clear();
  if (all_whole(clusters.marks) != (whole == 1)) return std::nullopt;
  if (clusters.marks.size() > kRawLimit) {
    Clusters thinned = clusters;
    thin(thinned, ClusterLimit(digest.count_));
    if (thinned != clusters) return std::nullopt;
  }
  return digest;
}

}  // namespace tocsin
