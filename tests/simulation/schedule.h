#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/simulation/coverage.h"
#include "tests/simulation/fate.h"
#include "tests/simulation/random.h"
#include "tests/simulation/world.h"

namespace tocsin::simulation {

// How often what goes wrong: once in so many opportunities; 0: never. Each seed has a mix of its own, so that some schedules are all
// crashes and others all rebalances (swarm testing; Groce et al. 2012).
struct Mix {
  uint64_t crash = 0;    // at await points
  uint64_t answer = 0;   // of transactions that are rolled back or lose their answers, by step
  uint64_t network = 0;  // of polls and restores
  uint64_t fault = 0;    // of all acts
  bool kills = false;    // the kinds of those
  bool rebalances = false;
  bool pauses = false;
  bool names = false;
  bool clocks = false;
  bool disks = false;
  bool slow_returns = false;  // restores seldom come to their end, and half a day goes by between one and the next
};

Mix make_mix(Random& random);

// Chooses what happens next, from a seed: who acts, what fails. After run() everything has been written and, all faults being over, read
// and evaluated.
//
// Thread:     confined.
// Lifetime:   one schedule; longer than its world, whose end may leave transactions behind.
// Invariants: (1) the same seed and input give the same acts.
// Failure:    World::violation(): also if the log is not drained in the time that it should take.
class Schedule final : public Fate {
 public:
  // `disturbed`: with all that the seed holds; otherwise one process is left in peace.
  Schedule(uint64_t seed, bool disturbed, Coverage& coverage, const Trace& trace);

  void run(World& world);

  // Fate
  void await(Process& process, Event crash, bool others) override;
  bool strikes(Event fault) override;
  void count(Event event) override { coverage_.hit(event); }
  std::optional<log::CommittedOffset> committed_before(const std::string& group, const log::TopicPartition& partition) override;
  void leave_behind(std::unique_ptr<log::StagedProducer> producer, bool end_sent) override;

 private:
  void disturb();
  void drain();
  void settle_all();
  void round();
  void act();
  void step_somebody();
  void advance_a_transaction();
  void fault();
  void kill_somebody();
  void start_somebody();
  void stop_somebody();
  void stand_still();
  void change_group();
  void take_a_name();
  void change_clocks();
  void pass_half_a_day();
  void change_disks();
  void spoil_changelog();
  void spoil_disk(World::Instance& instance, size_t disk);
  World::Life* somebody();

  Random random_;
  const bool disturbed_;
  Mix mix_;
  Coverage& coverage_;
  const Trace& trace_;
  World* world_ = nullptr;
  bool chaos_ = false;     // faults strike
  bool returned_ = false;  // somebody died in a restore of Mix::slow_returns
  int depth_ = 0;          // of acts within await points
};

}  // namespace tocsin::simulation
