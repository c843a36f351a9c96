#include "operators/sketch/sort.h"

#include <hwy/contrib/sort/vqsort.h>

namespace tocsin {
namespace {

template <typename T>
void sort_with_highway(std::span<T> values) {
  hwy::Sorter sorter;
  sorter(values.data(), values.size(), hwy::SortAscending{});
}

}  // namespace

void sort_ascending(std::span<uint32_t> values) { sort_with_highway(values); }
void sort_ascending(std::span<uint64_t> values) { sort_with_highway(values); }
void sort_ascending(std::span<double> values) { sort_with_highway(values); }

}  // namespace tocsin
