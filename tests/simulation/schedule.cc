#include "tests/simulation/schedule.h"

#include <algorithm>
#include <utility>

namespace tocsin::simulation {
namespace {

constexpr int kDepthMax = 2;
constexpr int kActsMax = 3'000;
constexpr int kRoundsMax = 400;
constexpr int kIdleRounds = 25;
constexpr int64_t kRoundMs = 250;
constexpr int kCalmRounds = 2;
constexpr uint64_t kCrashOfSlowReturn = 6;  // in place of Mix::crash, in restores
constexpr int64_t kCommitIntervalMs = 500;  // while far behind the wall clock, EvaluateOptions::catch_up_interval

}  // namespace

Mix make_mix(Random& random) {
  Mix mix;
  const auto rate = [&](int64_t from, int64_t to) {
    return random.one_in(3) ? uint64_t{0} : static_cast<uint64_t>(random.between(from, to));
  };
  mix.crash = rate(15, 200);
  mix.answer = rate(8, 60);
  mix.network = rate(8, 60);
  mix.fault = static_cast<uint64_t>(random.between(10, 60));
  mix.kills = !random.one_in(3);
  mix.rebalances = !random.one_in(3);
  mix.pauses = random.one_in(2);
  mix.names = random.one_in(3);
  mix.clocks = random.one_in(2);
  mix.disks = random.one_in(2);
  mix.slow_returns = random.one_in(8);
  return mix;
}

Schedule::Schedule(uint64_t seed, bool disturbed, Coverage& coverage, const Trace& trace)
    : random_(seed), disturbed_(disturbed), coverage_(coverage), trace_(trace) {}

void Schedule::run(World& world) {
  world_ = &world;
  if (disturbed_) {
    mix_ = make_mix(random_);
    if (world.engine().misleading) mix_.disks = true;
    if (world.engine().idle_timeout) mix_.slow_returns = false;
    const int64_t instances = random_.one_in(3) ? random_.between(1, 5) : random_.between(1, 2);
    for (int64_t i = 0; i < instances; ++i) {
      world.add_instance(static_cast<size_t>(random_.between(1, 2)), static_cast<size_t>(random_.between(1, 2)));
    }
    for (World::Instance& instance : world.instances()) {
      if (!random_.one_in(3)) world.start(instance);
    }
    disturb();
  } else {
    world.add_instance(1, 1);
    world.start(world.instances().front());
  }
  drain();
}

void Schedule::await(Process& process, Event crash, bool others) {
  if (process.doomed) throw Crash();
  if (!chaos_) return;
  const bool returning = mix_.slow_returns && crash == Event::kCrashRestoring;
  if (random_.one_in(returning ? kCrashOfSlowReturn : mix_.crash)) {
    coverage_.hit(crash);
    process.doomed = true;
    returned_ = returned_ || returning;
    throw Crash();
  }
  if (!others || depth_ >= kDepthMax || !random_.one_in(3)) return;
  coverage_.hit(Event::kOthersActed);
  ++depth_;
  for (int64_t acts = random_.between(1, 5); acts > 0; --acts) act();
  --depth_;
  if (!process.doomed) return;
  coverage_.hit(crash);
  throw Crash();
}

bool Schedule::strikes(Event fault) {
  if (!chaos_) return false;
  uint64_t rate = 0;
  switch (fault) {
    case Event::kFetchDelayed:
    case Event::kBrokersAway:
    case Event::kRestoreCutOff:
    case Event::kOffsetsOfThePast: rate = mix_.network; break;
    case Event::kMisled: rate = world_->engine().misleading ? 3 : 0; break;
    case Event::kDiskFull: rate = mix_.disks ? 400 : 0; break;
    default: rate = mix_.answer; break;
  }
  if (!random_.one_in(rate)) return false;
  coverage_.hit(fault);
  if (fault == Event::kMisled) world_->mislead();
  return true;
}

std::optional<log::CommittedOffset> Schedule::committed_before(const std::string& group, const log::TopicPartition& partition) {
  return world_->committed_before(group, partition);
}

void Schedule::leave_behind(std::unique_ptr<log::StagedProducer> producer, bool end_sent) {
  world_->leave_behind(std::move(producer), end_sent);
}

void Schedule::disturb() {
  chaos_ = true;
  const uint64_t acts_per_step = static_cast<uint64_t>(random_.between(3, 12));
  for (int acts = 0; acts < kActsMax && !world_->all_fed(); ++acts) {
    if (world_->over()) return;
    if (random_.one_in(acts_per_step)) {
      if (world_->foreign_open() && random_.one_in(3)) world_->end_foreign();
      world_->feed();
    }
    act();
  }
  chaos_ = false;
}

void Schedule::act() {
  if (std::exchange(returned_, false) && !random_.one_in(3)) return pass_half_a_day();
  if (random_.one_in(mix_.fault)) return fault();
  switch (random_.below(8)) {
    case 0: return world_->pass(random_.between(0, 160));
    case 1:
    case 2:
    case 3: return advance_a_transaction();
    default: return step_somebody();
  }
}

World::Life* Schedule::somebody() {
  const std::vector<World::Life*> lives = world_->lives();
  return lives.empty() ? nullptr : lives[random_.below(lives.size())];
}

void Schedule::step_somebody() {
  World::Life* life = somebody();
  if (life == nullptr) return start_somebody();
  if (life->process->paused || life->process->stopping || life->process->doomed) return;
  const size_t worker = random_.below(life->process->workers());
  if (!life->process->busy(worker)) world_->step(*life, worker);
}

void Schedule::advance_a_transaction() {
  World::Life* life = somebody();
  if (life == nullptr || life->process->doomed) return;
  for (size_t worker = 0; worker < life->process->workers(); ++worker) {
    Transactions& transactions = life->process->transactions(worker);
    if (life->process->busy(worker) || (life->process->paused && !transactions.at_broker())) continue;
    if (random_.one_in(2)) transactions.advance();
  }
}

void Schedule::fault() {
  switch (random_.below(8)) {
    case 0:
      if (mix_.kills) kill_somebody();
      return;
    case 1: return start_somebody();
    case 2:
      if (mix_.rebalances) change_group();
      return;
    case 3:
      if (mix_.rebalances) stop_somebody();
      return;
    case 4:
      if (mix_.pauses) stand_still();
      return;
    case 5:
      if (mix_.names) take_a_name();
      return;
    case 6:
      if (mix_.clocks || mix_.slow_returns) change_clocks();
      return;
    default:
      if (world_->left_behind() > 0) world_->end_left_behind(random_.below(world_->left_behind()));
      if (mix_.disks) change_disks();
  }
}

void Schedule::kill_somebody() {
  World::Life* life = somebody();
  if (life == nullptr) return;
  Event crash = Event::kCrashReading;
  for (size_t worker = 0; worker < life->process->workers(); ++worker) {
    const Event event = life->process->transactions(worker).crash_event();
    if (event != Event::kCrashReading) crash = event;
  }
  World::Instance& instance = *life->instance;
  const size_t disk = life->disk;
  const bool busy = life->process->busy();
  world_->kill(*life, crash);
  if (!busy) spoil_disk(instance, disk);
}

// What a crash of the machine does to a disk, or whoever swaps it.
void Schedule::spoil_disk(World::Instance& instance, size_t disk) {
  Disk& spoilt = instance.disks[disk];
  if (!mix_.disks || spoilt.batches() == 0) return;
  switch (random_.below(5)) {
    case 0: coverage_.hit(Event::kDiskLost); return spoilt.set_back(0);
    case 1: coverage_.hit(Event::kDiskOld); return spoilt.set_back(random_.below(spoilt.batches()));
    case 2:
      if (spoilt.damage(random_.next())) coverage_.hit(Event::kDiskDamaged);
      return;
    default:
      if (spoilt.unflushed() == 0) return;
      coverage_.hit(Event::kDiskLostNewest);
      return spoilt.set_back(spoilt.batches() - 1 - random_.below(spoilt.unflushed()));
  }
}

void Schedule::start_somebody() {
  World::Instance& instance = world_->instances()[random_.below(world_->instances().size())];
  if (world_->lives_of(instance) > 0) return;
  for (Disk& disk : instance.disks) {
    if (random_.one_in(2)) disk.set_full(false);
  }
  world_->start(instance);
}

void Schedule::stop_somebody() {
  World::Life* life = somebody();
  if (life != nullptr && !life->process->busy() && !life->process->paused && !life->process->stopping) world_->stop(*life);
}

void Schedule::stand_still() {
  World::Life* life = somebody();
  if (life == nullptr || life->process->busy()) return;
  Process& process = *life->process;
  process.paused = !process.paused;
  trace_.say(world_->now_ms() - kBaseMs, "{} {}", process.name(), process.paused ? "stands still" : "goes on");
  if (process.paused) {
    coverage_.hit(Event::kPaused);
  } else if (process.zombie) {
    coverage_.hit(Event::kZombieResumed);
  }
}

void Schedule::change_group() {
  if (random_.one_in(3)) {
    coverage_.hit(Event::kAbsentExpired);
    trace_.say(world_->now_ms() - kBaseMs, "sessions of the dead run out");
    world_->log().expire_absent(random_.one_in(2) ? "aggregate" : "evaluate");
    return;
  }
  World::Life* life = somebody();
  if (life == nullptr) return;
  coverage_.hit(Event::kMemberExpired);
  life->process->zombie = true;
  // All of them if the process stood still, or the network; one, if a worker was stuck: then its partitions may go to its neighbour.
  const bool all = random_.one_in(2);
  size_t one = random_.below(life->process->workers());
  for (size_t worker = 0; worker < life->process->workers() && random_.one_in(2); ++worker) {
    // Its neighbour may then have restored a partition before it hears of its own transaction.
    if (life->process->transactions(worker).at_broker()) one = worker;
  }
  for (size_t worker = 0; worker < life->process->workers(); ++worker) {
    if (!all && worker != one) continue;
    trace_.say(world_->now_ms() - kBaseMs, "the session of {} runs out", life->process->worker_name(worker));
    life->process->expire_session(worker);
    if (life->process->paused && random_.one_in(2)) world_->time_out(*life, worker);
  }
}

void Schedule::take_a_name() {
  World::Life* life = somebody();
  if (life != nullptr && world_->lives_of(*life->instance) == 1) world_->start(*life->instance);
}

void Schedule::change_clocks() {
  if (mix_.slow_returns) {
    if (random_.one_in(2)) kill_somebody();
    return pass_half_a_day();
  }
  if (random_.one_in(6) && !world_->engine().idle_timeout) {
    if (random_.one_in(2)) kill_somebody();  // its disk may be too old when it comes back
    if (random_.one_in(3)) return world_->pass_half_a_day();
    world_->pass_a_day();
    world_->compact();
    return;
  }
  World::Instance& instance = world_->instances()[random_.below(world_->instances().size())];
  const bool forwards = random_.one_in(2);
  const int64_t by = random_.between(1, random_.one_in(2) ? 2'000 : 600'000);
  coverage_.hit(forwards ? Event::kClockForwards : Event::kClockBackwards);
  world_->set_clock(instance, forwards ? by : -by);
  trace_.say(world_->now_ms() - kBaseMs, "the clock of {} jumps to {} ms ahead", instance.name, instance.clock_ahead_ms);
}

void Schedule::pass_half_a_day() {
  world_->pass_half_a_day();
  world_->compact();
}

void Schedule::change_disks() {
  if (world_->engine().misleading && random_.one_in(2)) return spoil_changelog();
  if (random_.one_in(2)) return world_->compact();
  World::Instance& instance = world_->instances()[random_.below(world_->instances().size())];
  if (world_->lives_of(instance) == 0) spoil_disk(instance, random_.below(instance.disks.size()));
}

void Schedule::spoil_changelog() {
  if (random_.one_in(3)) return world_->lose_changelog();
  const auto partition = static_cast<int32_t>(random_.below(static_cast<uint64_t>(world_->engine().partials)));
  const int64_t end = world_->log().reader()->bounds({kChangelog, partition})->second;
  world_->shorten_changelog(partition, random_.one_in(4) ? 0 : random_.between(0, end));
  if (random_.one_in(2)) return;
  // What is left of it is all that the next ones have.
  for (World::Instance& instance : world_->instances()) {
    for (Disk& disk : instance.disks) {
      if (world_->lives_of(instance) == 0) disk.set_back(0);
    }
  }
}

// No fault strikes any more. Who stood still goes on, what is under way arrives, who is dead is found out.
void Schedule::drain() {
  settle_all();
  // Where time-outs bring in the wall clock there is no end: heartbeats go on.
  const int rounds = world_->engine().idle_timeout ? kIdleRounds : kRoundsMax;
  int calm = 0;
  for (int i = 0; i < rounds && !world_->over(); ++i) {
    round();
    if (world_->engine().idle_timeout) continue;
    calm = world_->drained() ? calm + 1 : 0;
    if (calm > kCalmRounds) return;
    // An evaluator that has just been restored is idle, and has ticks to do: it commits them within an interval of commits.
    if (calm > 0) world_->pass(kCommitIntervalMs);
  }
  if (world_->over()) return;
  // Who was sent to the end of a partition leaves a gap, which is found with the next record: of the last ones never.
  if (world_->misled() && world_->engine().from_now) return world_->stop_for_good();
  if (!world_->engine().idle_timeout) {
    world_->violate("the log is not drained, though nothing fails any more:" + world_->standing());
  }
}

void Schedule::settle_all() {
  while (world_->left_behind() > 0) world_->end_left_behind(0);
  world_->end_foreign();
  for (World::Instance& instance : world_->instances()) {
    for (Disk& disk : instance.disks) disk.set_full(false);
  }
  for (World::Life* life : world_->lives()) life->process->paused = false;
  if (world_->lives().empty()) world_->start(world_->instances().front());
}

void Schedule::round() {
  world_->pass(world_->engine().idle_timeout ? 2 * kRoundMs : kRoundMs);
  while (world_->foreign_open() || world_->feed()) world_->end_foreign();
  for (World::Life* life : world_->lives()) {
    const std::vector<World::Life*> now = world_->lives();
    if (std::find(now.begin(), now.end(), life) == now.end()) continue;
    const size_t workers = life->process->workers();
    for (size_t worker = 0; worker < workers; ++worker) {
      world_->step(*life, worker);
      const std::vector<World::Life*> after = world_->lives();
      if (std::find(after.begin(), after.end(), life) == after.end()) break;
      Transactions& transactions = life->process->transactions(worker);
      while (transactions.phase() != Transactions::Phase::kNone) transactions.advance();
    }
  }
  world_->log().expire_absent("aggregate");
  world_->log().expire_absent("evaluate");
  while (world_->left_behind() > 0) world_->end_left_behind(0);
  if (world_->lives().empty()) world_->start(world_->instances().front());
}

}  // namespace tocsin::simulation
