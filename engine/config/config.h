#pragma once

// The configuration file (SPEC 6.1): read strictly, checked completely, all mistakes told in one go.
//
// Every key can be given in the file and, winning over it, as `--set key=value` with the key's full name ("time.resolution",
// "kafka.bootstrap.servers": all that follows "kafka." is the property's name) and the value in YAML. In values, ${NAME} stands for
// the environment variable NAME and $${ for a plain "${".
//
// Thread:  plain values; loading is pure but for reading the file, the environment and the host's name.
// Failure: kNotFound if the file cannot be read; kInvalidArgument with one line "file:line:column: what is wrong" a mistake.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/base/time.h"
#include "engine/kafka/properties.h"
#include "engine/log/log.h"

namespace tocsin::config {

// `input`: what is read.
struct InputConfig {
  enum class Format { kAuto, kProtobuf, kJson };
  // input.topics: names of Kafka topics, none of them our own.
  std::vector<std::string> topics = {"telemetry"};
  // input.format: auto | protobuf | json. auto finds out message by message.
  Format format = Format::kAuto;
  // input.start: earliest | latest | RFC 3339 | Unix milliseconds. Where the very first start begins; later ones go on.
  log::StartPosition start{log::StartPosition::Kind::kLatest, 0};
};

// `topics`: how `tocsin topics --create` makes our own topics (topics.h). An existing topic keeps what it has.
struct TopicsConfig {
  int32_t partitions = 8;                      // topics.partitions: 1 to 1000
  int32_t replication_factor = 1;              // topics.replication_factor: 1 to 15
  Duration retention{7LL * 24 * 3600 * 1000};  // topics.retention: at least 1 min; of the topics that are not compacted
};

// `time` (SPEC 2).
struct TimeConfig {
  Duration resolution{250};                               // time.resolution: divides 1 s
  Duration max_out_of_orderness{500};                     // time.max_out_of_orderness: >= 0
  Duration allowed_lateness{3600LL * 1000};               // time.allowed_lateness: >= 0
  Duration max_future_skew{60LL * 1000};                  // time.max_future_skew: >= 0
  Duration group_retention{24LL * 3600 * 1000};           // time.group_retention: > 0
  std::optional<Duration> idle_timeout = Duration{1000};  // time.idle_timeout: > 0, or `never` (absent)
};

// `aggregate`: stage 1.
struct AggregateConfig {
  int workers = 0;                 // aggregate.workers: 1 to 256, or `auto` (0): one for each available processor
  Duration flush_interval{100};    // aggregate.flush_interval: 10 ms to 10 s
  int64_t max_series = 1'000'000;  // aggregate.max_series: a worker; at least 100
  // aggregate.contributors: fields and labels that alerts name as what contributed to a breach.
  std::vector<std::string> contributors = {"operation", "error_code", "region"};
};

// `state`: what lies on this machine's disk.
struct StateConfig {
  std::string path = "state";                    // state.path: relative to the working directory
  Duration max_window{35LL * 24 * 3600 * 1000};  // state.max_window: the longest window that rules may use; at least 1 s
};

// `alerts`: the output.
struct AlertsConfig {
  enum class Format { kJson, kProtobuf };
  Format format = Format::kJson;  // alerts.format: json | protobuf
  // alerts.severities: least first. `page` and `ticket` are ranked above and below them by themselves.
  std::vector<std::string> severities = {"INFO", "WARN", "ERROR", "CRITICAL"};
};

// `http`: what is served. Absent: nothing.
struct HttpConfig {
  // http.listen: HOST:PORT, [IPV6]:PORT, or :PORT for all addresses of this machine. Port 0: any that is free.
  struct Listen {
    std::string host;  // a name or an address, without brackets; empty: all addresses
    uint16_t port = 0;
    friend bool operator==(const Listen&, const Listen&) = default;
  };
  std::optional<Listen> listen;
};

struct Config {
  std::string app = "tocsin";        // app: prefix of topics, groups and transactional ids; letters, digits and . _ -
  std::string instance;              // instance: stable and unique name of this process; the same characters. Default: the host's name
  int64_t memory_bytes = 2LL << 30;  // memory: of the whole process; at least 128MiB
  kafka::Properties kafka = {{"bootstrap.servers", "127.0.0.1:9092"}};  // kafka: librdkafka's properties, except refused ones
  InputConfig input;
  TopicsConfig topics;
  // rules: file names and patterns (files.h); those of the file are resolved against its directory, overrides stay as they are.
  std::vector<std::string> rules;
  TimeConfig time;
  AggregateConfig aggregate;
  StateConfig state;
  AlertsConfig alerts;
  HttpConfig http;
};

// The value of an environment variable, or nothing if it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

// This process' environment. HOSTNAME, which few shells export, falls back to the name that the system gives.
std::optional<std::string> process_environment(std::string_view name);

// Reads and checks the file `path` and the overrides ("key=value"). Without a path: defaults and overrides alone.
Result<Config> load_config(const std::optional<std::string>& path, const std::vector<std::string>& overrides);

// The same of text in memory; `file` stands in messages, and its directory is what `rules` are relative to.
Result<Config> parse_config(std::string_view text, const std::string& file, const std::vector<std::string>& overrides,
                            const Environment& environment);

// What a configuration says beside its mistakes, for those who go on after them: a key that cannot be used has its default.
struct CheckedConfig {
  Config config;
  std::vector<std::string> errors;  // complete lines, in the order of the file
};

CheckedConfig check_config(std::string_view text, const std::string& file, const Environment& environment);

// For work on files, where only `time` matters, and what rule files are checked against: rules that the service takes are taken there.
struct ReplayConfig {
  TimeConfig time;
  Duration max_window;                  // state.max_window
  std::vector<std::string> severities;  // alerts.severities
};

// Keys and values of the other sections must be well-formed, but they may need variables that are not set here and name what this
// machine does not have.
Result<ReplayConfig> load_replay_config(const std::optional<std::string>& path, const std::vector<std::string>& overrides);
Result<ReplayConfig> parse_replay_config(std::string_view text, const std::string& file, const std::vector<std::string>& overrides,
                                         const Environment& environment);

}  // namespace tocsin::config
