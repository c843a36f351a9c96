// The t-digest: from the sorted latencies of a pane, merged, encoded and read back. The argument is the number of values.

#include <random>

#include "operators/sketch/sort.h"
#include "operators/sketch/tdigest.h"
#include "perf/micro/job.h"

namespace tocsin::perf {
namespace {

// Lognormal latencies in microseconds, as the reference job has them.
std::vector<uint32_t> latencies(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> latency(std::log(60'000.0), 0.9);
  std::vector<uint32_t> values(n);
  for (uint32_t& value : values) value = static_cast<uint32_t>(latency(random));
  return values;
}

TDigest digest_of(size_t n, uint64_t seed) {
  std::vector<uint32_t> values = latencies(n, seed);
  sort_ascending(values);
  TDigest digest;
  digest.add_sorted(values);
  return digest;
}

// An item is a value.
void sort_values(benchmark::State& state) {
  const std::vector<uint32_t> values = latencies(static_cast<size_t>(state.range(0)), 1);
  std::vector<uint32_t> sorted;
  for (auto _ : state) {
    sorted = values;
    sort_ascending(sorted);
    benchmark::DoNotOptimize(sorted.data());
  }
  report(state, values.size());
}
BENCHMARK(sort_values)->Arg(125)->Arg(1000)->Arg(10'000);

// An item is a value.
void tdigest_build(benchmark::State& state) {
  std::vector<uint32_t> values = latencies(static_cast<size_t>(state.range(0)), 1);
  sort_ascending(values);
  for (auto _ : state) {
    TDigest digest;
    digest.add_sorted(values);
    benchmark::DoNotOptimize(digest.count());
  }
  report(state, values.size());
}
BENCHMARK(tdigest_build)->Arg(50)->Arg(125)->Arg(1000)->Arg(10'000);

// An item is a merge of two of that many values each.
void tdigest_merge(benchmark::State& state) {
  const TDigest one = digest_of(static_cast<size_t>(state.range(0)), 1);
  const TDigest other = digest_of(static_cast<size_t>(state.range(0)), 2);
  for (auto _ : state) {
    TDigest merged = one;
    merged.merge(other);
    benchmark::DoNotOptimize(merged.quantile(0.99));
  }
  report(state, 1);
}
BENCHMARK(tdigest_merge)->Arg(50)->Arg(125)->Arg(1000)->Arg(75'000);

// An item is a digest.
void tdigest_encode(benchmark::State& state) {
  const TDigest digest = digest_of(static_cast<size_t>(state.range(0)), 1);
  std::string bytes;
  for (auto _ : state) {
    bytes.clear();
    digest.encode(bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  report(state, 1);
  state.counters["encoded_bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(tdigest_encode)->Arg(50)->Arg(125)->Arg(1000)->Arg(75'000);

// An item is a digest.
void tdigest_decode(benchmark::State& state) {
  std::string bytes;
  digest_of(static_cast<size_t>(state.range(0)), 1).encode(bytes);
  for (auto _ : state) benchmark::DoNotOptimize(TDigest::decode(bytes));
  report(state, 1);
}
BENCHMARK(tdigest_decode)->Arg(50)->Arg(125)->Arg(1000)->Arg(75'000);

}  // namespace
}  // namespace tocsin::perf
