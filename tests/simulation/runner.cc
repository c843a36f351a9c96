#include "tests/simulation/runner.h"

#include "tests/simulation/rule_sets.h"
#include "tests/simulation/schedule.h"

namespace tocsin::simulation {
namespace {

// Of the seeds of one input, this many run as in service, where partitions that stand still follow the wall clock: what comes out then
// depends on the course of the run, and the invariants alone are judged.
constexpr uint64_t kIdleSeeds = 2;
constexpr Duration kIdleTimeout{1'000};

}  // namespace

void Runner::take_input(uint64_t input_seed) {
  if (input_seed_ == input_seed) return;
  input_seed_ = input_seed;
  Random random(input_seed * 2 + 1);
  input_ = make_input(random.next());
  engine_ = Engine();
  engine_.plan = plan_of(random.below(rule_sets()));
  engine_.partials = static_cast<int32_t>(random.one_in(4) ? 3 : random.between(1, 2));
  Coverage unused;
  const std::optional<std::string> problem = run(engine_, 0, false, Trace(), unused, expected_);
  undisturbed_problem_ = problem ? "undisturbed: " + *problem : "";
}

std::optional<std::string> Runner::run(uint64_t seed, bool verbose) {
  take_input(seed / kSeedsPerInput);
  if (!undisturbed_problem_.empty()) return undisturbed_problem_;
  Random random(seed * 2);
  Engine engine = engine_;
  if (seed % kSeedsPerInput < kIdleSeeds) engine.idle_timeout = kIdleTimeout;
  engine.shared_ledger = random.one_in(4);
  engine.poll_records_max = static_cast<size_t>(random.between(1, 20));
  if (random.one_in(3)) engine.transaction_bytes = 256;
  coverage_.add(input_.coverage);
  Published actual;
  std::optional<std::string> problem = run(engine, random.next(), true, Trace(verbose), coverage_, actual);
  coverage_.hit(Event::kAlert, actual.alerts.size());
  coverage_.hit(Event::kDeadLetter, actual.dead_letters.size());
  if (!problem && !engine.idle_timeout && !(actual == expected_)) problem = difference(actual, expected_);
  return problem;
}

std::optional<std::string> Runner::run(const Engine& engine, uint64_t seed, bool disturbed, const Trace& trace, Coverage& coverage,
                                       Published& out) const {
  Schedule schedule(seed, disturbed, coverage, trace);
  World world(engine, input_, schedule, coverage, trace);
  schedule.run(world);
  out = published(world);
  if (world.violation()) return world.violation();
  return broken_invariant(world);
}

}  // namespace tocsin::simulation
