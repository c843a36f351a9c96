#include "engine/runtime/memory_budget.h"

#include <algorithm>

namespace tocsin {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Measured: a process at rest has 35 MiB resident with 2 workers, 41 with 4, 64 with 12, 84 with 20; 25 of them are program and libraries.
constexpr size_t kProcessBytes = 32 * kMiB;
constexpr size_t kWorkerBytes = 3 * kMiB;

// Of each consumer: some tens of milliseconds of reading at full speed. What lies longer has left the processor's caches when its turn
// comes: draining the reference job with 8 MiB took a tenth less processor time than with 90.
constexpr size_t kQueueBytesMax = 8 * kMiB;

}  // namespace

size_t process_bytes(int workers) { return kProcessBytes + kWorkerBytes * static_cast<size_t>(std::max(workers, 1)); }

int workers_max(size_t memory_bytes) {
  return static_cast<int>((std::max(memory_bytes / 2, kProcessBytes + kWorkerBytes) - kProcessBytes) / kWorkerBytes);
}

// In sixteenths of what the process itself leaves: 3 queues, 2 store, 4 stage 1, 6 stage 2, and 1 that nobody owns: what the allocator
// holds free, and what client libraries hold of transactions in flight. What queues do not need the others share in that proportion.
MemoryBudget divide_memory(size_t memory_bytes, int aggregates, int evaluates) {
  const size_t workers = static_cast<size_t>(std::max(1, aggregates + evaluates));
  const size_t fixed = std::min(process_bytes(aggregates + evaluates), memory_bytes / 2);
  const size_t queues = std::min((memory_bytes - fixed) / 16 * 3, kQueueBytesMax * workers);
  const size_t part = (memory_bytes - fixed - queues) / 13;
  const size_t aggregate = aggregates == 0 ? 0 : (evaluates == 0 ? 10 : 4) * part / static_cast<size_t>(aggregates);
  const size_t evaluate = (aggregates == 0 || evaluates == 0 ? 10 : 6) * part;
  MemoryBudget budget;
  budget.queue_bytes = queues / workers;
  budget.store_bytes = 2 * part;
  // Open work is bounded by what a transaction may reasonably carry, too. Looking a series up takes about as much as remembering it.
  const size_t open = std::min(aggregate / 8, 64 * kMiB);
  budget.open_bytes = open / 2;
  budget.lookup_bytes = aggregate / 8 * 3;
  budget.series_bytes = (aggregate - open - budget.lookup_bytes) / 5 * 4;  // a quarter more once labels overflow
  if (evaluates > 0) budget.evaluate_bytes = evaluate / static_cast<size_t>(evaluates);
  // Rows that wait and changes on their way have the last quarter.
  const size_t groups = evaluate / 4 * 3;
  budget.group_bytes = groups / 5 * 4;
  budget.overflow_group_bytes = groups / 5 / static_cast<size_t>(std::max(1, aggregates));
  return budget;
}

}  // namespace tocsin
