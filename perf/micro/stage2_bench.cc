// Stage 2: frames in, ticks evaluated. The argument is the number of rules. The frames are of 400 s of the load, ten seconds in each, as a
// drain makes them: more than the five minutes of the window, so that panes also leave it.

#include <map>

#include "engine/base/check.h"
#include "operators/evaluator.h"
#include "perf/micro/job.h"
#include "state/memory_store.h"

namespace tocsin::perf {
namespace {

constexpr int kSeconds = 400;
constexpr int kSecondsPerFrame = 10;
constexpr size_t kNoBudget = size_t{1} << 40;

struct Stage2 {
  std::shared_ptr<const Plan> plan;
  Frames frames;
};

// Made once for each number of rules: that takes longer than any measurement.
const Stage2& stage2_of(int rules) {
  static std::map<int, Stage2> made;
  const auto found = made.find(rules);
  if (found != made.end()) return found->second;
  const auto plan = reference_plan(rules);
  return made.emplace(rules, Stage2{plan, reference_frames(plan, kSeconds, kSecondsPerFrame)}).first->second;
}

void apply(Evaluator& evaluator, const Stage2& stage2, size_t frame) {
  TOCSIN_CHECK(evaluator.apply(stage2.frames.records[frame], static_cast<int64_t>(frame)).ok(), "a frame is refused");
}

// A frame into rows that wait for their ticks: an item is a row.
void apply_frames(benchmark::State& state) {
  const Stage2& stage2 = stage2_of(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    const state::MemoryStore store;
    auto evaluator = std::make_unique<Evaluator>(stage2.plan, store, EvaluatorOptions());
    TOCSIN_CHECK(evaluator->restore().ok(), "an empty store cannot be restored from");
    state.ResumeTiming();
    for (size_t f = 0; f < stage2.frames.records.size(); ++f) apply(*evaluator, stage2, f);
    state.PauseTiming();
    evaluator.reset();
    state.ResumeTiming();
  }
  report(state, stage2.frames.rows);
  state.counters["events_per_row"] = static_cast<double>(stage2.frames.events) / static_cast<double>(stage2.frames.rows);
}
BENCHMARK(apply_frames)->Arg(1)->Arg(2)->Arg(1000)->Unit(benchmark::kMillisecond);

// Ticks with all that belongs to them: rows take effect, panes are stored and rolled up, windows move, rules are evaluated for the groups
// that changed (here all 80, at every tick). An item is a group at a tick.
void ticks(benchmark::State& state) {
  const Stage2& stage2 = stage2_of(static_cast<int>(state.range(0)));
  uint64_t ticks = 0;
  uint64_t alerts = 0;
  for (auto _ : state) {
    state.PauseTiming();
    state::MemoryStore store;
    auto evaluator = std::make_unique<Evaluator>(stage2.plan, store, EvaluatorOptions());
    TOCSIN_CHECK(evaluator->restore().ok(), "an empty store cannot be restored from");
    for (size_t f = 0; f < stage2.frames.records.size(); ++f) {
      apply(*evaluator, stage2, f);
      state.ResumeTiming();
      TOCSIN_CHECK(evaluator->advance(kNoBudget).ok(), "ticks cannot be evaluated");
      const auto changes = evaluator->seal(static_cast<int64_t>(f) + 1, 0);
      state.PauseTiming();
      TOCSIN_CHECK(store.write(*changes).ok(), "the store in memory refuses a write");
      evaluator->release();
      alerts += evaluator->take_alerts().size();
    }
    ticks = evaluator->counters().ticks;
    evaluator.reset();
    state.ResumeTiming();
  }
  report(state, stage2.frames.rows);
  state.counters["ticks"] = static_cast<double>(ticks);
  state.counters["alert_events"] = static_cast<double>(alerts) / static_cast<double>(state.iterations());
}
BENCHMARK(ticks)->Arg(1)->Arg(2)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tocsin::perf
