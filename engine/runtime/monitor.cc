#include "engine/runtime/monitor.h"

#include <utility>

#include "engine/runtime/metrics.h"
#include "engine/runtime/process_metrics.h"

namespace tocsin {
namespace {

http::Response respond(const Health& health) { return {health.ok() ? 200 : 503, health.text()}; }

}  // namespace

void Monitor::enter(ProcessPhase phase, std::string detail) {
  const std::lock_guard lock(mutex_);
  // There is no way back; and of several failures the first is the one to tell.
  if (phase < phase_ || phase_ == ProcessPhase::kFailed) return;
  phase_ = phase;
  detail_ = std::move(detail);
}

void Monitor::starting(std::string what) { enter(ProcessPhase::kStarting, std::move(what)); }
void Monitor::running() { enter(ProcessPhase::kRunning, ""); }
void Monitor::stopping() { enter(ProcessPhase::kStopping, ""); }
void Monitor::failed(const Status& status) { enter(ProcessPhase::kFailed, status.message()); }

void Monitor::set_store(StoreStatistics statistics) {
  const std::lock_guard lock(mutex_);
  store_ = std::move(statistics);
}

WorkerStatus& Monitor::add_worker(std::string name, Role role, FlightRecorder recorder) {
  const std::lock_guard lock(mutex_);
  return workers_.emplace_back(std::move(name), role, recorder).status;
}

std::vector<const WorkerStatus*> Monitor::statuses() const {
  const std::lock_guard lock(mutex_);
  std::vector<const WorkerStatus*> statuses;
  statuses.reserve(workers_.size());
  for (const Worker& worker : workers_) statuses.push_back(&worker.status);
  return statuses;
}

ProcessView Monitor::outline() const {
  ProcessView view;
  view.now = clock_();
  view.version = TOCSIN_VERSION;
  view.rules = rules_;
  const std::lock_guard lock(mutex_);
  view.phase = phase_;
  view.detail = detail_;
  for (const Worker& worker : workers_) {
    view.workers.push_back({worker.name, worker.role, worker.recorder.phase(), worker.status.metrics.latest()});
  }
  return view;
}

ProcessView Monitor::view() const {
  ProcessView view = outline();
  view.process = read_process_metrics();
  // The store is asked under the lock, so that it is not closed meanwhile.
  const std::lock_guard lock(mutex_);
  if (store_) view.store = store_();
  return view;
}

std::vector<http::Route> Monitor::routes() const {
  return {
      {"/",
       [](const http::Request&) {
         return http::Response{200, "tocsin\n\n/metrics\n/healthz\n/readyz\n"};
       }},
      {"/metrics",
       [this](const http::Request&) {
         return http::Response{200, render_metrics(view()), kMetricsContentType};
       }},
      {"/healthz", [this](const http::Request&) { return respond(live(outline())); }},
      {"/readyz", [this](const http::Request&) { return respond(readiness()); }},
  };
}

}  // namespace tocsin
