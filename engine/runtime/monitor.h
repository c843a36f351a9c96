#pragma once

// What a running process shows of itself: the supervisor tells it what there is, HTTP pages ask it what to say.
//
//   /          which paths there are      /healthz   200 while the process lives
//   /metrics   for Prometheus             /readyz    200 while it does its work, else 503 and why
//
// Thread:     any, but worker statuses are written by their workers only.
// Lifetime:   must outlive the workers whose statuses it holds and the server of its pages. A store that was given must stay open until
//             set_store({}) has returned.
// Invariants: a status that add_worker() has given stays where it is.

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/status.h"
#include "engine/http/message.h"
#include "engine/runtime/flight_recorder.h"
#include "engine/runtime/health.h"
#include "engine/runtime/process_view.h"
#include "engine/runtime/status_report.h"

namespace tocsin {

class Monitor {
 public:
  using StoreStatistics = std::function<state::RocksDbStatistics()>;

  // `rules`: the names of those that are evaluated.
  Monitor(std::vector<std::string> rules, Clock clock) : rules_(std::move(rules)), clock_(std::move(clock)) {}

  // What the process is doing before there are workers, for people: "waits for the brokers".
  void starting(std::string what);
  void set_store(StoreStatistics statistics);
  WorkerStatus& add_worker(std::string name, Role role, FlightRecorder recorder);
  // All workers are there.
  void running();
  void stopping();
  // A worker has ended with an error, and the process will end.
  void failed(const Status& status);

  std::vector<const WorkerStatus*> statuses() const;
  // The pages above; they refer to this.
  std::vector<http::Route> routes() const;
  ProcessView view() const;
  // What /readyz answers.
  Health readiness() const { return ready(outline()); }

 private:
  struct Worker {
    Worker(std::string of, Role in, FlightRecorder from) : name(std::move(of)), role(in), recorder(from) {}
    std::string name;
    Role role;
    FlightRecorder recorder;
    WorkerStatus status;
  };

  void enter(ProcessPhase phase, std::string detail);
  // The view without the store's and the process' figures, which take a moment to find out.
  ProcessView outline() const;

  const std::vector<std::string> rules_;
  const Clock clock_;
  mutable std::mutex mutex_;
  ProcessPhase phase_ = ProcessPhase::kStarting;
  std::string detail_;
  std::deque<Worker> workers_;
  StoreStatistics store_;
};

}  // namespace tocsin
