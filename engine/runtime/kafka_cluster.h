#pragma once

// The Kafka cluster that a configuration names, for the supervisor.

#include <memory>

#include "engine/config/config.h"
#include "engine/runtime/cluster.h"

namespace tocsin {

// `config` is copied. Does not wait for the brokers.
std::unique_ptr<Cluster> open_kafka_cluster(const config::Config& config);

}  // namespace tocsin
