#pragma once

// What the operating system says of this process, for /metrics. Names and meanings are those of every Prometheus client.
//
// Thread:  any.
// Failure: what cannot be read is absent.

#include <cstdint>
#include <optional>

namespace tocsin {

struct ProcessMetrics {
  std::optional<double> start_time_seconds;  // Unix time
  std::optional<double> cpu_seconds;         // user and system
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> virtual_bytes;
  std::optional<uint64_t> open_descriptors;
  std::optional<uint64_t> descriptors_max;
};

ProcessMetrics read_process_metrics();

}  // namespace tocsin
