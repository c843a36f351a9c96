// `tocsin loadgen`: synthetic telemetry to Kafka or to files.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/cli/command.h"
#include "engine/cli/load_sender.h"
#include "engine/cli/stop_signal.h"
#include "engine/config/config.h"
#include "engine/config/files.h"
#include "engine/kafka/plain_producer.h"
#include "engine/loadgen/files.h"
#include "engine/loadgen/incidents.h"
#include "engine/loadgen/messages.h"

namespace tocsin::cli {
namespace {

constexpr Duration kMetadataTimeout{10'000};
constexpr Duration kFlushTimeout{30'000};
constexpr Duration kFlushTimeoutOnStop{5'000};

// Flags as written; what is not text to be parsed goes into the options directly.
struct Flags {
  std::string config;
  std::vector<std::string> overrides;
  std::string bootstrap;
  std::string topic;
  std::string output;
  std::string length;
  std::string start;
  std::string jitter = "0s";
  std::string domains = "chat,wallet,panic,ai,support,api";
  std::string regions = "eu,us,ap";
  std::string operations = "send,read,list";
  std::vector<std::string> labels;
  std::string failures = "0.5%";
  std::string format = "json";
  std::string incidents_file;
  std::vector<std::string> incidents;
  uint32_t batch = 0;      // 0: as suits the rate
  int32_t partitions = 0;  // 0: all of the topic's, or one file
  loadgen::LoadOptions options;
};

// --- where messages go ---

class FileSink : public LoadSink {
 public:
  explicit FileSink(loadgen::LoadFiles files) : files_(std::move(files)) {}

  Result<bool> write(const loadgen::Message& message) override {
    TOCSIN_RETURN_IF_ERROR(files_.write(message.partition, message.value));
    return true;
  }
  Status finish() override { return files_.finish(); }
  std::string description() const override {
    const std::vector<std::string>& paths = files_.paths();
    return paths.size() == 1 ? paths.front() : fmt::format("{} … {}", paths.front(), paths.back());
  }

 private:
  loadgen::LoadFiles files_;
};

class KafkaSink : public LoadSink {
 public:
  KafkaSink(std::unique_ptr<kafka::KafkaPlainProducer> producer, std::string topic, loadgen::Format format, int32_t partitions,
            const std::atomic<bool>& stop)
      : producer_(std::move(producer)), topic_(std::move(topic)), partitions_(partitions), stop_(stop) {
    // JSON shows itself by its first byte; a batch's first byte may be taken for a line's end.
    if (format == loadgen::Format::kProtobuf) content_type_ = "application/x-protobuf";
  }

  Result<bool> write(const loadgen::Message& message) override { return producer_->send(message.partition, message.value, content_type_); }
  void idle() override { producer_->poll(); }
  Status finish() override { return producer_->flush(stop_ ? kFlushTimeoutOnStop : kFlushTimeout); }
  std::string description() const override { return fmt::format("topic {} ({} partitions)", topic_, partitions_); }

 private:
  std::unique_ptr<kafka::KafkaPlainProducer> producer_;
  std::string topic_;
  int32_t partitions_;
  const std::atomic<bool>& stop_;
  std::string content_type_;
};

// --- flags to options ---

Status read_names(const Flags& flags, loadgen::LoadOptions& options) {
  const auto read = [](const std::string& text, std::string_view stem, std::string_view flag, std::vector<std::string>& out) -> Status {
    Result<std::vector<std::string>> names = loadgen::parse_names(text, stem);
    if (!names.ok()) return invalid_argument(fmt::format("{}: {}", flag, names.status().message()));
    out = std::move(*names);
    return {};
  };
  TOCSIN_RETURN_IF_ERROR(read(flags.domains, "domain", "--domains", options.domains));
  TOCSIN_RETURN_IF_ERROR(read(flags.regions, "region", "--regions", options.regions));
  TOCSIN_RETURN_IF_ERROR(read(flags.operations, "operation", "--operations", options.operations));
  for (const std::string& text : flags.labels) {
    Result<loadgen::LoadLabel> label = loadgen::parse_label(text);
    if (!label.ok()) return invalid_argument(fmt::format("--label {}", label.status().message()));
    options.labels.push_back(std::move(*label));
  }
  return {};
}

Status read_incidents(const Flags& flags, loadgen::LoadOptions& options) {
  const auto read = [&](std::string_view text, const std::string& file) -> Status {
    Result<std::vector<loadgen::Incident>> incidents = loadgen::parse_incidents(text, file);
    if (!incidents.ok()) return incidents.status();
    options.incidents.insert(options.incidents.end(), incidents->begin(), incidents->end());
    return {};
  };
  if (!flags.incidents_file.empty()) {
    const Result<std::string> text = config::read_file(flags.incidents_file);
    if (!text.ok()) return text.status();
    TOCSIN_RETURN_IF_ERROR(read(*text, flags.incidents_file));
  }
  for (const std::string& text : flags.incidents)
    TOCSIN_RETURN_IF_ERROR(read(text.starts_with('{') ? text : "{" + text + "}", "--incident"));
  return {};
}

// How many events there are: the lesser of --events and --for.
Status read_extent(const Flags& flags, loadgen::LoadOptions& options) {
  if (!flags.length.empty()) {
    const Result<Duration> length = parse_length(flags.length, "--for");
    if (!length.ok()) return length.status();
    const double events = static_cast<double>(length->ms) / 1000 * static_cast<double>(options.rate);
    if (events < 1 || events > 1e18) return invalid_argument("--for and --rate make no events, or too many");
    const auto whole = static_cast<uint64_t>(events);
    options.events = options.events == 0 ? whole : std::min(options.events, whole);
  }
  if (options.events == 0 && (!flags.start.empty() || !flags.output.empty())) {
    return invalid_argument("say how much is to be made: --for or --events");
  }
  return {};
}

// All but the number of partitions, which the topic may decide.
Result<loadgen::LoadOptions> read_options(const Flags& flags) {
  loadgen::LoadOptions options = flags.options;
  if (options.rate == 0) return invalid_argument("--rate must be at least 1");
  const Result<EventTime> start = flags.start.empty() ? EventTime{system_now().ms} : parse_time(flags.start, "--start");
  if (!start.ok()) return start.status();
  options.start = *start;
  const Result<Duration> jitter = parse_length(flags.jitter, "--jitter");
  if (!jitter.ok()) return jitter.status();
  options.jitter_max = *jitter;
  const std::optional<double> failures = loadgen::parse_share(flags.failures);
  if (!failures) return invalid_argument(fmt::format("--failures {}: not a share; write it like 0.5% or 0.005", flags.failures));
  options.failure_share = *failures;
  options.format = flags.format == "json" ? loadgen::Format::kJson : loadgen::Format::kProtobuf;
  options.batch = flags.batch != 0 ? flags.batch : options.format == loadgen::Format::kJson ? 1 : loadgen::suitable_batch(options.rate);
  TOCSIN_RETURN_IF_ERROR(read_names(flags, options));
  TOCSIN_RETURN_IF_ERROR(read_incidents(flags, options));
  TOCSIN_RETURN_IF_ERROR(read_extent(flags, options));
  return options;
}

Result<std::unique_ptr<LoadSink>> open_files(const Flags& flags, loadgen::LoadOptions& options) {
  if (!flags.bootstrap.empty() || !flags.config.empty() || !flags.topic.empty()) {
    return invalid_argument("give either --output or a topic in Kafka (--config, --bootstrap, --topic), not both");
  }
  // `tocsin backtest` goes by the name.
  const std::string_view extension = options.format == loadgen::Format::kJson ? ".jsonl" : ".pb";
  if (!flags.output.ends_with(extension)) {
    return invalid_argument(fmt::format("--output {}: with --format {} the name must end in {}", flags.output, flags.format, extension));
  }
  options.partitions = std::max(flags.partitions, 1);
  TOCSIN_RETURN_IF_ERROR(loadgen::validate(options));
  Result<loadgen::LoadFiles> files = loadgen::LoadFiles::create(flags.output, options.partitions, options.format);
  if (!files.ok()) return files.status();
  return std::unique_ptr<LoadSink>(std::make_unique<FileSink>(std::move(*files)));
}

// Properties and topic, from the configuration file or from flags.
Status find_kafka(const Flags& flags, kafka::Properties& properties, std::string& topic) {
  topic = flags.topic;
  if (flags.config.empty() && flags.bootstrap.empty()) {
    return invalid_argument("say where the events go: --bootstrap HOST:PORT --topic TOPIC, --config FILE, or --output FILE");
  }
  if (!flags.config.empty() || !flags.overrides.empty()) {
    const Result<config::Config> config =
        config::load_config(flags.config.empty() ? std::nullopt : std::optional(flags.config), flags.overrides);
    if (!config.ok()) return config.status();
    properties = config->kafka;
    if (topic.empty() && !flags.config.empty()) topic = config->input.topics.front();
  }
  if (!flags.bootstrap.empty()) properties["bootstrap.servers"] = flags.bootstrap;
  properties.try_emplace("client.id", "tocsin-loadgen");
  if (topic.empty()) return invalid_argument("--topic is missing: say which topic the events go to");
  return kafka::check_properties(properties);
}

Result<std::unique_ptr<LoadSink>> open_kafka(const Flags& flags, loadgen::LoadOptions& options, const std::atomic<bool>& stop) {
  kafka::Properties properties;
  std::string topic;
  TOCSIN_RETURN_IF_ERROR(find_kafka(flags, properties, topic));
  TOCSIN_RETURN_IF_ERROR(loadgen::validate(options));
  Result<std::unique_ptr<kafka::KafkaPlainProducer>> producer = kafka::KafkaPlainProducer::make(properties, topic);
  if (!producer.ok()) return producer.status();
  const Result<int32_t> found = (*producer)->partition_count(kMetadataTimeout);
  if (!found.ok()) return found.status();
  options.partitions = flags.partitions == 0 ? *found : flags.partitions;
  if (options.partitions > *found) {
    return invalid_argument(fmt::format("--partitions {}: topic {} has only {}", options.partitions, topic, *found));
  }
  return std::unique_ptr<LoadSink>(std::make_unique<KafkaSink>(std::move(*producer), topic, options.format, options.partitions, stop));
}

// --- the work ---

void print_summary(const LoadTally& tally, const LoadSink& sink, EventTime start, bool interrupted) {
  std::string notes;
  if (tally.late_seconds > 1) notes += fmt::format(", {:.1f} s behind the rate asked for", tally.late_seconds);
  if (interrupted) notes += ", interrupted";
  fmt::print("wrote {} events in {} messages ({:.1f} MB) to {} in {:.2f} s, {:.0f} events/s, event times from {}{}\n", tally.events,
             tally.messages, static_cast<double>(tally.bytes) / 1e6, sink.description(), tally.seconds, tally.rate(),
             format_rfc3339(start.ms), notes);
}

Status run_loadgen(const Flags& flags) {
  Result<loadgen::LoadOptions> options = read_options(flags);
  if (!options.ok()) return options.status();
  const std::atomic<bool>& stop = stop_on_signals();
  const bool to_files = !flags.output.empty();
  Result<std::unique_ptr<LoadSink>> sink = to_files ? open_files(flags, *options) : open_kafka(flags, *options, stop);
  if (!sink.ok()) return sink.status();
  const bool paced = !to_files && flags.start.empty();
  if (paced) options->start = EventTime{system_now().ms};  // reaching the broker took a while

  loadgen::Messages messages(*options);
  LoadSender sender(messages, **sink, paced, true, stop);
  Status status = sender.run();
  if (status.ok()) print_summary(sender.tally(), **sink, options->start, stop);
  return status;
}

// --- the command line ---

void add_target_flags(CLI::App& command, Flags& flags) {
  const std::string group = "Where to";
  command.add_option("--bootstrap", flags.bootstrap, "Kafka broker")->type_name("HOST:PORT")->group(group);
  command.add_option("--topic", flags.topic, "Topic; with --config the default is its first input topic")->type_name("TOPIC")->group(group);
  command.add_option("--config", flags.config, "Take Kafka's properties from this configuration file")->type_name("FILE")->group(group);
  add_set_flag(command, flags.overrides)->group(group);
  command.add_option("--output", flags.output, "Write files for `tocsin backtest` instead: .jsonl, or .pb with --format protobuf")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--partitions,--files", flags.partitions,
                  "Use so many partitions, one message after the other; default: all of the topic's. Files: FILE-0.jsonl, FILE-1.jsonl …")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000).description(""))
      ->group(group);
}

void add_amount_flags(CLI::App& command, Flags& flags) {
  const std::string group = "How much";
  command.add_option("--rate", flags.options.rate, "Events a second of event time [1000]")
      ->type_name("N")
      ->check(not_negative())
      ->group(group);
  command.add_option("--for", flags.length, "How long, in event time; default: until Ctrl-C")->type_name("DURATION")->group(group);
  command.add_option("--events", flags.options.events, "How many events at most, silenced ones included")
      ->type_name("N")
      ->check(not_negative())
      ->group(group);
  command
      .add_option(
          "--start", flags.start,
          "Event time of the first event: RFC 3339 or Unix milliseconds. Events are then written as fast as possible; without it at "
          "the rate, from now on")
      ->type_name("TIME")
      ->group(group);
  command.add_option("--format", flags.format, "json or protobuf [json]")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"json", "protobuf"}).description(""))
      ->group(group);
  command.add_option("--batch", flags.batch, "Events in a message [json: 1; protobuf: up to 100, at most a tenth of a second of them]")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000).description(""))
      ->group(group);
}

void add_content_flags(CLI::App& command, Flags& flags) {
  const std::string group = "What";
  loadgen::LoadOptions& options = flags.options;
  command.add_option("--seed", options.seed, "Another seed makes other events [1]")->type_name("N")->check(not_negative())->group(group);
  command.add_option("--domains", flags.domains, "Names, or how many [chat,wallet,panic,ai,support,api]")->type_name("A,B|N")->group(group);
  command.add_option("--regions", flags.regions, "Values of the label region [eu,us,ap]")->type_name("A,B|N")->group(group);
  command.add_option("--operations", flags.operations, "Operations of each domain, such as chat.send [send,read,list]")
      ->type_name("A,B|N")
      ->group(group);
  command.add_option("--label", flags.labels, "A further label and its values, or how many (repeatable)")
      ->type_name("NAME=A,B|N")
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--actors", options.actors, "Put actor ids on events, of so many actors; default: none")
      ->type_name("N")
      ->check(not_negative())
      ->group(group);
  command.add_option("--failures", flags.failures, "Share of operations that fail [0.5%]")->type_name("SHARE")->group(group);
  command.add_option("--latency-median-ms", options.latency_median_ms, "Median of the lognormal latencies [40]")
      ->type_name("MS")
      ->group(group);
  command.add_option("--latency-sigma", options.latency_sigma, "Standard deviation of their logarithm [0.6]")->type_name("S")->group(group);
  command.add_option("--jitter", flags.jitter, "Put each event's time back by up to so much, uniformly [0s]")
      ->type_name("DURATION")
      ->group(group);
  command
      .add_option("--success-weight", options.success_weight,
                  "Sample successes: each one written stands for N, failures are all written [1]")
      ->type_name("N")
      ->check(not_negative())
      ->group(group);
  command
      .add_flag_callback(
          "--no-trace-ids", [&options] { options.trace_ids = false; }, "Leave trace ids out")
      ->group(group);
  command.add_option("--incidents", flags.incidents_file, "YAML file with a list of incidents")->type_name("FILE")->group(group);
  command.add_option("--incident", flags.incidents, "One incident (repeatable)")
      ->type_name("'{at: …}'")
      ->allow_extra_args(false)
      ->group(group);
}

}  // namespace

void add_loadgen(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("loadgen", "Write synthetic telemetry, with incidents at times you choose");
  auto flags = std::make_shared<Flags>();
  add_target_flags(*command, *flags);
  add_amount_flags(*command, *flags);
  add_content_flags(*command, *flags);
  command->footer(
      "Event number k is a function of the seed, k and the flags alone: the same flags with the same --start, --partitions and --batch "
      "write\n"
      "the same messages to the same partitions, to Kafka or to files.\n"
      "\n"
      "An incident concerns one domain, optionally one region, from `at` (after the start) `for` a while, and is one of\n"
      "error_rate: 60%, latency_factor: 16, silence: true.\n"
      "\n"
      "Examples:\n"
      "  tocsin loadgen --bootstrap localhost:9092 --topic telemetry --rate 5000 --for 60s \\\n"
      "      --incident '{at: 20s, for: 15s, domain: wallet, error_rate: 60%}'\n"
      "  tocsin loadgen --config tocsin.yaml --format protobuf --rate 1000000 --events 50000000 --start 2026-01-01T00:00:00Z\n"
      "  tocsin loadgen --output day.jsonl --files 4 --rate 100 --for 24h --start 2026-01-01T00:00:00Z --incidents incidents.yaml");
  command->callback([flags, &exit_code] {
    const Status status = run_loadgen(*flags);
    exit_code = status.ok() ? kExitFine : report(status);
  });
}

}  // namespace tocsin::cli
