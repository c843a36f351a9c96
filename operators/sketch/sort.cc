#include "operators/sketch/sort.h"

#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace tocsin {
namespace {

// Highway asks the kernel for random numbers before each sort, half a microsecond, even of an empty list.
constexpr size_t kShort = 32;
// From here on counting digits costs less than comparing.
constexpr size_t kLong = 800;

constexpr int kDigitBits = 11;
constexpr int kDigits = 3;
constexpr uint32_t kDigitMask = (uint32_t{1} << kDigitBits) - 1;

uint32_t digit(uint32_t value, int place) { return (value >> (place * kDigitBits)) & kDigitMask; }

using Counts = std::array<size_t, kDigitMask + 1>;

std::array<Counts, kDigits> count_digits(std::span<const uint32_t> values) {
  std::array<Counts, kDigits> counts{};
  for (const uint32_t value : values) {
    for (int place = 0; place < kDigits; ++place) ++counts[static_cast<size_t>(place)][digit(value, place)];
  }
  return counts;
}

void sort_by_digits(std::span<uint32_t> values) {
  std::array<Counts, kDigits> counts = count_digits(values);
  std::vector<uint32_t> other(values.size());
  std::span<uint32_t> from = values;
  std::span<uint32_t> to = other;
  for (int place = 0; place < kDigits; ++place) {
    Counts& begins = counts[static_cast<size_t>(place)];
    if (begins[digit(from.front(), place)] == from.size()) continue;  // all have the same: the highest digit, mostly
    size_t before = 0;
    for (size_t& begin : begins) before += std::exchange(begin, before);
    for (const uint32_t value : from) to[begins[digit(value, place)]++] = value;
    std::swap(from, to);
  }
  if (from.data() != values.data()) std::copy(from.begin(), from.end(), values.begin());
}

}  // namespace

void sort_ascending(std::span<uint32_t> values) {
  if (values.size() >= kLong) return sort_by_digits(values);
  if (values.size() < kShort) return std::sort(values.begin(), values.end());
  hwy::Sorter sorter;
  sorter(values.data(), values.size(), hwy::SortAscending{});
}

}  // namespace tocsin
