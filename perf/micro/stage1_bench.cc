// Stage 1, an event at a time: decoding, the look-up of the series, the accumulator, and all of them as the worker does it. An item is an
// event.

#include "operators/accumulators.h"
#include "operators/flush.h"
#include "operators/series_table.h"
#include "perf/micro/job.h"

namespace tocsin::perf {
namespace {

constexpr uint64_t kEvents = 200'000;  // ten seconds of event time: what a flush of a drain holds; too many for a cache
constexpr Duration kOutOfOrderness{500};

void decode_all(benchmark::State& state, Format format) {
  const auto plan = reference_plan(2);
  const Load load = reference_load(format, kEvents);
  Decoder decoder(plan->fields, format);
  EventBatch batch(plan->fields.size());
  for (auto _ : state) {
    for (size_t m = 0; m < load.messages.size(); ++m) {
      decode(decoder, load, m, batch);
      benchmark::DoNotOptimize(batch.events().data());
    }
  }
  report(state, load.events);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(load.bytes));
}
BENCHMARK_CAPTURE(decode_all, protobuf, Format::kProtobuf)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode_all, json, Format::kJson)->Unit(benchmark::kMillisecond);

// Every message decoded beforehand: their bytes and events are read from memory, as they are behind a decoder that has just written them
// only in part.
std::vector<EventBatch> decoded(const Plan& plan, const Load& load) {
  Decoder decoder(plan.fields, load.format);
  std::vector<EventBatch> batches(load.messages.size(), EventBatch(plan.fields.size()));
  for (size_t m = 0; m < load.messages.size(); ++m) decode(decoder, load, m, batches[m]);
  return batches;
}

void look_up(benchmark::State& state) {
  const auto plan = reference_plan(2);
  const Load load = reference_load(Format::kProtobuf, kEvents);
  const std::vector<EventBatch> batches = decoded(*plan, load);
  SeriesTable series(plan, SeriesLimits());
  std::vector<uint32_t> ids;
  for (auto _ : state) {
    for (const EventBatch& batch : batches) {
      series.find_or_create(batch, ids);
      benchmark::DoNotOptimize(ids.data());
    }
  }
  report(state, load.events);
}
BENCHMARK(look_up)->Unit(benchmark::kMillisecond);

void accumulate(benchmark::State& state) {
  const auto plan = reference_plan(2);
  const Load load = reference_load(Format::kProtobuf, kEvents);
  const std::vector<EventBatch> batches = decoded(*plan, load);
  SeriesTable series(plan, SeriesLimits());
  std::vector<std::vector<uint32_t>> ids(batches.size());
  for (size_t m = 0; m < batches.size(); ++m) series.find_or_create(batches[m], ids[m]);
  Accumulators accumulators(true);
  for (auto _ : state) {
    for (size_t m = 0; m < batches.size(); ++m) {
      const std::vector<Event>& events = batches[m].events();
      for (size_t i = 0; i < events.size(); ++i) {
        accumulators.add({ids[m][i], floor_to(events[i].time, plan->pane), EventTime::min()}, events[i]);
      }
    }
    accumulators.clear();
  }
  report(state, load.events);
}
BENCHMARK(accumulate)->Unit(benchmark::kMillisecond);

// What the worker does with a message; the argument is the number of rules, on which it must not depend.
void stage1(benchmark::State& state, Format format) {
  const auto plan = reference_plan(static_cast<int>(state.range(0)));
  const Load load = reference_load(format, kEvents);
  Decoder decoder(plan->fields, format);
  EventBatch batch(plan->fields.size());
  Aggregator aggregator(plan, AggregatorOptions());
  for (auto _ : state) {
    PartitionClock clock(kOutOfOrderness);
    for (size_t m = 0; m < load.messages.size(); ++m) {
      decode(decoder, load, m, batch);
      aggregator.add(batch, clock, std::nullopt);
    }
    aggregator.drop();
  }
  report(state, load.events);
}
BENCHMARK_CAPTURE(stage1, protobuf, Format::kProtobuf)->Arg(1)->Arg(2)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(stage1, json, Format::kJson)->Arg(2)->Unit(benchmark::kMillisecond);

// Rows of a flush from full accumulators; an item is a row. The arguments are the number of rules and the thousands of events in the flush.
void flush(benchmark::State& state) {
  const auto plan = reference_plan(static_cast<int>(state.range(0)));
  const Load load = reference_load(Format::kProtobuf, static_cast<uint64_t>(state.range(1)) * 1000);
  Decoder decoder(plan->fields, load.format);
  EventBatch batch(plan->fields.size());
  Aggregator aggregator(plan, AggregatorOptions());
  uint64_t rows = 0;
  for (auto _ : state) {
    state.PauseTiming();
    PartitionClock clock(kOutOfOrderness);
    for (size_t m = 0; m < load.messages.size(); ++m) {
      decode(decoder, load, m, batch);
      aggregator.add(batch, clock, std::nullopt);
    }
    state.ResumeTiming();
    const std::vector<std::vector<v1::ViewRows>> taken = aggregator.take(8);
    state.PauseTiming();
    rows = 0;
    for (const std::vector<v1::ViewRows>& views : taken) {
      for (const v1::ViewRows& view : views) rows += static_cast<uint64_t>(view.rows().group_size());
    }
    state.ResumeTiming();
  }
  report(state, rows);
  state.counters["events_per_row"] = static_cast<double>(load.events) / static_cast<double>(rows);
}
BENCHMARK(flush)->ArgsProduct({{1, 2, 1000}, {200}})->Args({2, 20})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tocsin::perf
