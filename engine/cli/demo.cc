// `tocsin demo`: load, engine and screen in one process, over the log in memory.

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <CLI/App.hpp>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/cli/alert_screen.h"
#include "engine/cli/command.h"
#include "engine/cli/demo_files.h"
#include "engine/cli/load_sender.h"
#include "engine/cli/stop_signal.h"
#include "engine/config/config.h"
#include "engine/loadgen/messages.h"
#include "engine/runtime/memory_cluster.h"
#include "engine/runtime/pipeline.h"
#include "engine/runtime/supervisor.h"

namespace tocsin::cli {
namespace {

constexpr Duration kFirstIncident{6'000};   // windows have filled by then
constexpr Duration kIncidentEvery{18'000};  // an incident has left an alert's window before the next one begins
constexpr Duration kIncidentLength{10'000};
constexpr Duration kDetectedWithin{8'000};  // for the last incident of a run: windows, `for`, and patience with a busy machine
constexpr Duration kLengthMin{30'000};
constexpr size_t kEndlessIncidents = 200;
constexpr int32_t kInputPartitions = 4;
// DomainSilent wants 200 events of each of the six domains within its `for` of 2 s, also when they have only begun.
constexpr uint64_t kRateMin = 700;

struct Flags {
  std::string length;
  uint64_t rate = 2000;
};

// An incident at a time, of alternating kinds and places; with a length, those that can be detected within it.
std::vector<loadgen::Incident> schedule(const std::optional<Duration>& length, const std::vector<std::string>& domains) {
  using Kind = loadgen::Incident::Kind;
  constexpr std::array<std::pair<Kind, double>, 3> kKinds = {{{Kind::kErrorRate, 0.6}, {Kind::kLatencyFactor, 16}, {Kind::kSilence, 0}}};
  std::vector<loadgen::Incident> incidents;
  for (size_t i = 0; i < kEndlessIncidents; ++i) {
    loadgen::Incident incident;
    incident.at = Duration{kFirstIncident.ms + static_cast<int64_t>(i) * kIncidentEvery.ms};
    incident.length = kIncidentLength;
    if (length && incident.at + incident.length + kDetectedWithin > *length) break;
    incident.domain = domains[(i + i / domains.size()) % domains.size()];
    if (i % 6 == 3) incident.region = "eu";
    std::tie(incident.kind, incident.amount) = kKinds[i % kKinds.size()];
    incidents.push_back(std::move(incident));
  }
  return incidents;
}

class MemorySink final : public LoadSink {
 public:
  explicit MemorySink(MemoryCluster& cluster) : cluster_(cluster) {}
  Result<bool> write(const loadgen::Message& message) override {
    TOCSIN_RETURN_IF_ERROR(cluster_.append(message.partition, message.value));
    return true;
  }
  Status finish() override { return {}; }
  std::string description() const override { return "memory"; }

 private:
  MemoryCluster& cluster_;
};

// A directory for state and log, gone with the object unless it is kept.
class WorkDirectory {
 public:
  static Result<std::unique_ptr<WorkDirectory>> make() {
    const char* const parent = std::getenv("TMPDIR");
    std::string path = std::string(parent == nullptr || *parent == '\0' ? "/tmp" : parent) + "/tocsin-demo.XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return invalid_argument(
          fmt::format("cannot make a directory like {}: {}; set TMPDIR to a place where you may write", path, std::strerror(errno)));
    }
    return std::unique_ptr<WorkDirectory>(new WorkDirectory(path));
  }
  ~WorkDirectory() {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove_all(path_, ignored);
  }
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string log() const { return path_ + "/demo.log"; }
  void keep() { kept_ = true; }

 private:
  explicit WorkDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
  bool kept_ = false;
};

// A thread whose work can fail; join() returns how it ended.
class Background {
 public:
  explicit Background(std::function<Status()> work) : thread_([this, work = std::move(work)] { status_ = work(); }) {}
  ~Background() { (void)join(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  Status join() {
    if (thread_.joinable()) thread_.join();
    return status_;
  }

 private:
  Status status_;
  std::thread thread_;
};

struct Demo {
  config::Config config;
  std::shared_ptr<const Plan> plan;
  WatchPlan watch;
  loadgen::LoadOptions load;
};

Result<Demo> prepare(const Flags& flags, const std::string& directory) {
  Demo demo;
  if (!flags.length.empty()) {
    const Result<Duration> length = parse_length(flags.length, "--for");
    if (!length.ok()) return length.status();
    if (*length < kLengthMin) {
      return invalid_argument(
          fmt::format("--for {}: too short for an incident to begin, be detected and end; it takes 30s at least", flags.length));
    }
    demo.watch.length = *length;
    demo.watch.expect_incidents = true;
  }
  Result<config::Config> config = config::parse_config(kDemoConfig, "demo.yaml", {"state.path=" + directory}, config::process_environment);
  if (!config.ok()) return config.status();
  demo.config = std::move(*config);
  std::vector<std::string> findings;
  Result<std::shared_ptr<const Plan>> plan =
      make_plan({{"demo rules", kDemoRules}}, demo.config.time,
                {demo.config.time.resolution, demo.config.state.max_window, demo.config.alerts.severities}, findings);
  if (!plan.ok()) return plan.status();
  demo.plan = std::move(*plan);
  demo.load.start = EventTime{system_now().ms};
  demo.load.rate = flags.rate;
  demo.load.jitter_max = Duration{100};
  demo.load.partitions = kInputPartitions;
  demo.watch.incidents = schedule(demo.watch.length, demo.load.domains);
  demo.load.incidents = demo.watch.incidents;
  TOCSIN_RETURN_IF_ERROR(loadgen::validate(demo.load));
  return demo;
}

// Runs the engine and the load beside the screen. True if all incidents were detected.
Result<bool> play(Demo& demo, const std::atomic<bool>& user_stop) {
  MemoryCluster cluster(demo.config, kInputPartitions);
  std::stop_source stop_engine;
  std::atomic<bool> stop_load = false, stop_screen = false;
  Background engine([&] {
    Status status = supervise({demo.config, true, true}, demo.plan, cluster, stop_engine.get_token());
    if (!status.ok()) stop_screen = true;
    return status;
  });
  demo.load.start = EventTime{system_now().ms};  // the workers are starting meanwhile
  demo.watch.start = demo.load.start;
  loadgen::Messages messages(demo.load);
  MemorySink sink(cluster);
  LoadSender sender(messages, sink, true, false, stop_load);
  Background load([&] { return sender.run(); });
  std::jthread forward([&](const std::stop_token& ended) {
    while (!ended.stop_requested() && !user_stop) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop_screen = true;
  });
  // Also where the screen throws, since it cannot be written: the threads above are waited for.
  struct StopAll {
    std::atomic<bool>& load;
    std::stop_source& engine;
    ~StopAll() {
      load = true;
      engine.request_stop();
    }
  } const stop_all{stop_load, stop_engine};
  const auto reader = cluster.reader();
  Result<bool> as_expected = watch_alerts(demo.watch, *reader, {cluster.topics().alerts, 1}, {cluster.topics().signals, 1}, stop_screen);
  stop_load = true;
  const Status loaded = load.join();
  stop_engine.request_stop();
  TOCSIN_RETURN_IF_ERROR(engine.join());
  TOCSIN_RETURN_IF_ERROR(loaded);
  return as_expected;
}

Result<int> run_demo(const Flags& flags) {
  Result<std::unique_ptr<WorkDirectory>> directory = WorkDirectory::make();
  if (!directory.ok()) return directory.status();
  Result<Demo> demo = prepare(flags, (*directory)->path());
  if (!demo.ok()) return demo.status();
  spdlog::set_default_logger(spdlog::basic_logger_mt("demo", (*directory)->log()));  // the screen is taken
  spdlog::flush_on(spdlog::level::info);
  const std::atomic<bool>& stop = stop_on_signals();
  fmt::print("{} events a second in {} partitions, an incident every {}; rules: deploy/demo/rules.yaml{}\n", demo->load.rate,
             kInputPartitions, format_duration(kIncidentEvery), demo->watch.length ? "" : "; Ctrl-C ends the demo");
  if (demo->load.rate < kRateMin) {
    fmt::print("note: with fewer than {} events a second DomainSilent fires at the start: its first windows are not full\n", kRateMin);
  }
  const Result<bool> as_expected = play(*demo, stop);
  if (as_expected.ok() && *as_expected) return kExitFine;
  (*directory)->keep();
  fmt::print(stderr, "The engine's log is kept in {}\n", (*directory)->log());
  if (!as_expected.ok()) return as_expected.status();
  return kExitNo;
}

}  // namespace

void add_demo(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("demo", "Show the whole system at work in this process, without Kafka");
  auto flags = std::make_shared<Flags>();
  command->add_option("--for", flags->length, "End after so long, at least 30s; default: at Ctrl-C")->type_name("DURATION");
  command->add_option("--rate", flags->rate, fmt::format("Events a second; the rules want at least {} [{}]", kRateMin, flags->rate))
      ->type_name("N")
      ->check(not_negative());
  command->footer(
      "A load with incidents, the engine and the screen of `tocsin watch`, over a log in memory in the place of Kafka; nothing is left "
      "behind.\n"
      "With --for, the exit code is 0 if every incident was detected and nothing else fired, else 1.\n"
      "\n"
      "Example:\n"
      "  tocsin demo --for 60s");
  command->callback([flags, &exit_code] {
    const Result<int> result = run_demo(*flags);
    exit_code = result.ok() ? *result : report(result.status());
  });
}

}  // namespace tocsin::cli
