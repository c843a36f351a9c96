#pragma once

// What synthetic telemetry shall look like, and the incidents in it.
//
// Thread: plain values.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/base/time.h"

namespace tocsin::loadgen {

// Something that goes wrong for a while in one domain: events whose time lies in [start + at, start + at + length).
struct Incident {
  enum class Kind {
    kErrorRate,      // `amount` is the share of failures, 0 to 1, instead of the ordinary one
    kLatencyFactor,  // latencies are multiplied by `amount`
    kSilence,        // no events at all
  };
  Duration at;
  Duration length;
  std::string domain;
  std::string region;  // "": all regions
  Kind kind = Kind::kErrorRate;
  double amount = 0;
};

// A label beside `region`; each event carries one of the values, all equally often.
struct LoadLabel {
  std::string name;
  std::vector<std::string> values;
};

inline constexpr size_t kLoadLabelsMax = 8;

enum class Format { kJson, kProtobuf };

// A load is a function of these values alone: two runs with the same ones make the same messages, byte for byte.
struct LoadOptions {
  uint64_t seed = 1;
  uint64_t rate = 1000;    // events per second of event time
  uint64_t events = 0;     // how many in all, those that incidents silence included; 0: without end
  EventTime start;         // event number k belongs at start + k/rate, less its jitter
  Duration jitter_max{0};  // how far an event's time may lie before its place, uniformly: disorder

  std::vector<std::string> domains = {"chat", "wallet", "panic", "ai", "support", "api"};
  std::vector<std::string> regions = {"eu", "us", "ap"};
  std::vector<std::string> operations = {"send", "read", "list"};  // an event's operation is "<domain>.<operation>"
  std::vector<LoadLabel> labels;                                   // at most kLoadLabelsMax
  uint64_t actors = 0;                                             // actor ids "user-0" to "user-<actors - 1>"; 0: no actor ids

  double failure_share = 0.005;   // of the real events, 0 to 1
  double latency_median_ms = 40;  // latencies are lognormal
  double latency_sigma = 0.6;     // standard deviation of the logarithm
  uint32_t success_weight = 1;    // > 1: successes are sampled, each stands for so many; failures are all kept
  bool trace_ids = true;

  Format format = Format::kJson;
  uint32_t batch = 1;      // events in a message
  int32_t partitions = 1;  // message number j goes to partition j mod partitions

  std::vector<Incident> incidents;
};

// Whether the values make sense together; the message names the command's flags.
Status validate(const LoadOptions& options);

// As many events in a message as suit `rate`: at most 100, and no more than a tenth of a second of them.
uint32_t suitable_batch(uint64_t rate);

// "chat,wallet" -> those names; "3" -> "<stem>-0", "<stem>-1", "<stem>-2", for loads of many groups.
Result<std::vector<std::string>> parse_names(std::string_view text, std::string_view stem);

// "version=v1,v2" or "pod=200" (values "pod-0" and so on): the name, then what parse_names() takes.
Result<LoadLabel> parse_label(std::string_view text);

}  // namespace tocsin::loadgen
