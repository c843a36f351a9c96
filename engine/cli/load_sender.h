#pragma once

// Sends a load's messages where they go, each when it is due, or as fast as they are taken.
//
// Thread:  confined to its caller, which it blocks.
// Failure: of the sink, passed on.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "engine/base/status.h"
#include "engine/loadgen/messages.h"

namespace tocsin::cli {

// Where messages go: Kafka, files, the log in this process.
class LoadSink {
 public:
  virtual ~LoadSink() = default;
  // False: cannot take it now; try again.
  virtual Result<bool> write(const loadgen::Message& message) = 0;
  // Called while nothing is due.
  virtual void idle() {}
  virtual Status finish() = 0;
  virtual std::string description() const = 0;
};

struct LoadTally {
  uint64_t events = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  double seconds = 0;
  double late_seconds = 0;  // how far the last message was behind its time

  double rate() const { return seconds > 0 ? static_cast<double>(events) / seconds : 0; }
};

class LoadSender {
 public:
  // All must outlive it. `paced`: at the load's rate from now on. `progress`: on a terminal, a line on stderr that is written over and
  // over.
  LoadSender(loadgen::Messages& messages, LoadSink& sink, bool paced, bool progress, const std::atomic<bool>& stop);

  // Until there is nothing more to send, or `stop` is set.
  Status run();
  const LoadTally& tally() const { return tally_; }

 private:
  using SteadyClock = std::chrono::steady_clock;

  double elapsed_seconds() const { return std::chrono::duration<double>(SteadyClock::now() - begin_).count(); }
  bool wait_until_due(uint64_t j);  // false if the user wants to stop
  Status send(const loadgen::Message& message);
  void show_progress();

  loadgen::Messages& messages_;
  LoadSink& sink_;
  const bool paced_;
  const bool progress_;
  const std::atomic<bool>& stop_;
  SteadyClock::time_point begin_ = SteadyClock::now();
  SteadyClock::time_point next_progress_ = SteadyClock::now();
  LoadTally tally_;
};

}  // namespace tocsin::cli
