#pragma once

// The reference job (docs/benchmarks.md) for the micro benchmarks, but for its incidents: its load as messages, rules like its own as a
// plan, and what stage 1 makes of both.
//
// Thread:   one.
// Failure:  aborts; the rules and the load are constants.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/decode/decoder.h"
#include "operators/aggregator.h"
#include "operators/plan.h"
#include "tocsin/v1/partial.pb.h"

namespace tocsin::perf {

// Rules: 1 (an error rate), 2 (and a p99), or more, half of each with thresholds that are all different: 5 to 7.5 %, 800 to 1,050 ms.
std::shared_ptr<const Plan> reference_plan(int rules);

// `events` events of the load, in messages of the size that the format has in the job; `padded` ones end in bytes that may be read.
struct Load {
  Format format;
  std::vector<std::string> messages;
  uint64_t events = 0;
  uint64_t bytes = 0;
};
Load reference_load(Format format, uint64_t events);

// One message into `batch`, which is cleared.
void decode(Decoder& decoder, const Load& load, size_t message, EventBatch& batch);

// What one worker without a fellow makes of `seconds` of the load: a frame for every `seconds_per_frame`, for one partials partition.
struct Frames {
  std::vector<std::string> records;
  uint64_t events = 0;
  uint64_t rows = 0;
};
Frames reference_frames(const std::shared_ptr<const Plan>& plan, int seconds, int seconds_per_frame);

// Items are what is told of; the counter says what one of them costs.
void report(benchmark::State& state, uint64_t items_per_iteration);

}  // namespace tocsin::perf
