#pragma once

// `tocsin run`: the workers of a process on their threads, from start to orderly end.
//
// Start:  HTTP, if it is asked for -> topics -> state directory -> one thread a worker, and one each for its transactions
// End:    stop is asked for -> each worker commits what is open and leaves its group -> threads end -> the store is flushed and closed ->
//         HTTP ends
//
// Thread:  the threads that workers and HTTP run on are made in supervisor.cc and nowhere else; supervise() blocks the caller, and reports.
// Failure: kInvalidArgument for what the user has to correct; otherwise the error of the worker that failed first. The broker being away is
//          not a failure: it is waited for.

#include <functional>
#include <memory>
#include <stop_token>

#include "engine/config/config.h"
#include "engine/runtime/cluster.h"
#include "operators/plan.h"

namespace tocsin {

struct SupervisorOptions {
  config::Config config;
  bool aggregate = true;
  bool evaluate = true;
};

// Returns when `stop` is requested and everything is committed and closed, or when a worker has failed.
Status supervise(const SupervisorOptions& options, std::shared_ptr<const Plan> plan, Cluster& cluster, const std::stop_token& stop);

}  // namespace tocsin
