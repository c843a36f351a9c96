#pragma once

// What a simulated process asks at each of its await points, and what may come over it there.
//
// Thread: confined.

#include <memory>
#include <optional>
#include <string>

#include "engine/log/memory_log.h"
#include "tests/simulation/coverage.h"

namespace tocsin::simulation {

class Process;

// Thrown out of an await point: the process has been killed there. The engine throws and catches nothing between the await points and the
// step that led there, so that unwinding does what a kill does: nothing more.
struct Crash {};

class Fate {
 public:
  virtual ~Fate() = default;
  // The process waits. Throws Crash if it is killed there; `crash` says how that counts. With `others`, other workers may act meanwhile.
  virtual void await(Process& process, Event crash, bool others) = 0;
  // Whether this fault strikes now; counted if so.
  virtual bool strikes(Event fault) = 0;
  virtual void count(Event event) = 0;
  // What the group had committed some time ago.
  virtual std::optional<log::CommittedOffset> committed_before(const std::string& group, const log::TopicPartition& partition) = 0;
  // A process died, or gave up, with this transaction open; `end_sent`: its end is on the way to the broker.
  virtual void leave_behind(std::unique_ptr<log::StagedProducer> producer, bool end_sent) = 0;
};

}  // namespace tocsin::simulation
