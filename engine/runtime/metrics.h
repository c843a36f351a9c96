#pragma once

// What /metrics says of a process, in Prometheus' text format. docs/metrics.md has the table; a test holds the two together.
//
// Names: prefix tocsin_ (process_ for what every process has), base units, _total for counters. Labels that come with input are the
// partitions' only. Every family is there in every process, if only with HELP and TYPE.
//
// Thread: pure function.

#include <string>

#include "engine/runtime/process_view.h"

namespace tocsin {

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string render_metrics(const ProcessView& process);

}  // namespace tocsin
