#pragma once

// Where the workers of a process get their ends of the log from: a Kafka cluster (`run`), or the log in this process (`demo`).
// The supervisor, and all that it runs, is the same over both.
//
// Thread:   any; what is handed out is confined as engine/log/log.h says.
// Lifetime: outlives all that it handed out.
// Failure:  kUnavailable: the cluster is away, ask again; kInvalidArgument: the user has to correct something.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/base/status.h"
#include "engine/log/log.h"

namespace tocsin {

enum class Role { kAggregate, kEvaluate };

// As in group and member names.
constexpr std::string_view to_string(Role role) { return role == Role::kAggregate ? "aggregate" : "evaluate"; }

// The transactional id of a worker: the same at each start, so that a new process fences the one before and ends its open transaction.
std::string transactional_id(const std::string& app, const std::string& member);

class Cluster {
 public:
  virtual ~Cluster() = default;

  // Checks that all topics are as they have to be; returns the number of partials partitions. Does not wait for a cluster that is away.
  virtual Result<uint32_t> check_topics() = 0;
  // Joins the group of `role` as `member`, a name that is stable over restarts and unique in the group. `queue_bytes` may be read ahead.
  virtual Result<std::unique_ptr<log::GroupConsumer>> consumer(Role role, const std::string& member, size_t queue_bytes,
                                                               log::ConsumerListener& listener) = 0;
  // Takes over the transactional id that belongs to `member`. Once `stop` is requested it waits no more to own the id, now or after a
  // transaction in doubt.
  virtual Result<std::unique_ptr<log::TransactionalProducer>> producer(Role role, const std::string& member, std::stop_token stop) = 0;
  // Reads the changelog for `member`; leaves off when `stop` is requested.
  virtual Result<std::unique_ptr<log::PartitionReader>> changelog_reader(const std::string& member, std::stop_token stop) = 0;
  // Writes one JSON object to <app>.signals, at most once: the next one follows. One thread at a time.
  virtual void signal(std::string_view json) = 0;
};

}  // namespace tocsin
