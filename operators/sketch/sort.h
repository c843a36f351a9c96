#pragma once

// Sorting of latencies: Highway's VQSort where its sorting networks need 3 ns a value; for short lists, before which it would ask for
// random numbers for half a microsecond, std::sort; for long ones, where both came to 20 ns, by digits of 11 bits from the lowest on (LSD
// radix sort: Knuth, The Art of Computer Programming 3, 5.2.5).
//
// Thread: any; nothing is shared.

#include <cstdint>
#include <span>

namespace tocsin {

void sort_ascending(std::span<uint32_t> values);

}  // namespace tocsin
