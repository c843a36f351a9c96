#pragma once

// Vectorised sorting (Highway's VQSort, chosen for the CPU at run time): some ten times std::sort on buffers of a thousand values.
//
// Thread: any; nothing is shared. Values must not be NaN.

#include <cstdint>
#include <span>

namespace tocsin {

void sort_ascending(std::span<uint32_t> values);
void sort_ascending(std::span<uint64_t> values);
void sort_ascending(std::span<double> values);

}  // namespace tocsin
