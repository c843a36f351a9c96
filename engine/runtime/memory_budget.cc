#include "engine/runtime/memory_budget.h"

#include <algorithm>

namespace tocsin {

// In sixteenths of `memory`: 4 queues, 2 store, 5 stage 1, 4 stage 2, and 1 that nobody owns: the program and its threads.
MemoryBudget divide_memory(size_t memory_bytes, int aggregates, int evaluates) {
  const auto workers = static_cast<size_t>(std::max(1, aggregates + evaluates));
  const size_t part = memory_bytes / 16;
  const size_t aggregate = aggregates == 0 ? 0 : (evaluates == 0 ? 9 : 5) * part / static_cast<size_t>(aggregates);
  const size_t evaluate = evaluates == 0 ? 0 : (aggregates == 0 ? 9 : 4) * part / static_cast<size_t>(evaluates);
  MemoryBudget budget;
  budget.queue_bytes = memory_bytes / 4 / workers;
  budget.store_bytes = memory_bytes / 8;
  // Open work is bounded by what a transaction may reasonably carry, too. Looking a series up takes about as much as remembering it.
  budget.open_bytes = std::min(aggregate / 8, size_t{32} << 20);
  budget.lookup_bytes = aggregate / 8 * 3;
  budget.series_bytes = (aggregate - budget.open_bytes - budget.lookup_bytes) / 5 * 4;  // a quarter more once labels overflow
  budget.evaluate_bytes = evaluate;
  return budget;
}

}  // namespace tocsin
