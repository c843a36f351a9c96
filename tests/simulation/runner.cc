#include "tests/simulation/runner.h"

#include "tests/simulation/rule_sets.h"
#include "tests/simulation/schedule.h"

namespace tocsin::simulation {
namespace {

// Of the seeds of one input, this many run as in service, where partitions that stand still follow the wall clock: what comes out then
// depends on the course of the run, and the invariants alone are judged.
constexpr uint64_t kIdleSeeds = 2;
// And this many in a world whose coordinator misleads workers.
constexpr uint64_t kMisledSeeds = 1;
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
  Outcome undisturbed = run(engine_, 0, false, Trace(), unused);
  expected_ = std::move(undisturbed.published);
  undisturbed_problem_ = undisturbed.problem ? "undisturbed: " + *undisturbed.problem : "";
}

std::optional<std::string> Runner::run(uint64_t seed, bool verbose) {
  take_input(seed / kSeedsPerInput);
  if (!undisturbed_problem_.empty()) return undisturbed_problem_;
  Random random(seed * 2);
  Engine engine = engine_;
  const uint64_t kind = seed % kSeedsPerInput;
  if (kind < kIdleSeeds) engine.idle_timeout = kIdleTimeout;
  engine.misleading = kind >= kIdleSeeds && kind < kIdleSeeds + kMisledSeeds;
  engine.shared_ledger = random.one_in(4);
  engine.poll_records_max = static_cast<size_t>(random.between(1, 20));
  if (random.one_in(3)) engine.transaction_bytes = 256;
  if (random.one_in(3)) engine.frame_part_bytes = 1;
  if (random.one_in(2)) engine.restore_batch_bytes = 64;
  // Who joins later than a partition that is added would not read what was written before; and who is told that nothing was committed does
  // not know any more which events are late (docs/delivery-guarantees.md, "What is not promised").
  if (engine.misleading && !input_.grows && input_.coverage.count(Event::kLateEvent) == 0) engine.from_now = random.one_in(2);
  coverage_.add(input_.coverage);
  const Outcome outcome = run(engine, random.next(), true, Trace(verbose), coverage_);
  const Published& actual = outcome.published;
  coverage_.hit(Event::kAlert, actual.alerts.size());
  coverage_.hit(Event::kDeadLetter, actual.dead_letters.size());
  if (outcome.problem || engine.idle_timeout) return outcome.problem;
  const std::string wrong = outcome.misled ? difference_of_misled(actual, expected_, outcome.stopped) : difference(actual, expected_);
  return wrong.empty() ? std::nullopt : std::optional(wrong);
}

Runner::Outcome Runner::run(const Engine& engine, uint64_t seed, bool disturbed, const Trace& trace, Coverage& coverage) const {
  Schedule schedule(seed, disturbed, coverage, trace);
  World world(engine, input_, schedule, coverage, trace);
  schedule.run(world);
  Outcome outcome{world.violation(), published(world), world.misled(), world.stopped()};
  if (!outcome.problem) outcome.problem = broken_invariant(world);
  return outcome;
}

}  // namespace tocsin::simulation
