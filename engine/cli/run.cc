// `tocsin run`: the service.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/cli/command.h"
#include "engine/config/config.h"
#include "engine/config/files.h"
#include "engine/runtime/kafka_cluster.h"
#include "engine/runtime/pipeline.h"
#include "engine/runtime/supervisor.h"

namespace tocsin::cli {
namespace {

struct Arguments {
  std::string config;
  std::vector<std::string> set;
  std::vector<std::string> roles = {"aggregate", "evaluate"};
};

// Turns SIGINT and SIGTERM into a request to stop; a second one ends the process at once. Signals are blocked in all other threads,
// which are made after this object. SIGUSR1 wakes the watcher when it is over; from anybody else it means nothing.
class SignalWatcher {
 public:
  SignalWatcher() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] { watch(); });
  }
  ~SignalWatcher() {
    over_ = true;
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch() {
    for (int signal = 0; !over_ && sigwait(&signals_, &signal) == 0;) {
      if (signal == SIGUSR1) continue;
      if (stop_.stop_requested()) {
        fmt::print(stderr, "tocsin: stopped at once; what was open is read again at the next start\n");
        std::_Exit(128 + signal);
      }
      spdlog::info("stopping: committing what is open");
      stop_.request_stop();
    }
  }

  sigset_t signals_;
  std::atomic<bool> over_ = false;
  std::stop_source stop_;
  std::thread thread_;
};

Status run_service(const Arguments& arguments) {
  const Result<config::Config> config = config::load_config(arguments.config, arguments.set);
  if (!config.ok()) return config.status();
  const Result<std::vector<std::string>> files = config::rule_files(config->rules);
  if (!files.ok()) return files.status();
  rules::LoadOptions load{config->time.resolution, config->state.max_window, config->alerts.severities};
  std::vector<std::string> findings;
  const Result<std::shared_ptr<const Plan>> plan = load_plan(*files, config->time, load, findings);
  for (const std::string& finding : findings) fmt::print(stderr, "{}\n", finding);
  if (!plan.ok()) return plan.status();
  SupervisorOptions options;
  options.config = *config;
  const auto has_role = [&](const char* role) {
    return std::find(arguments.roles.begin(), arguments.roles.end(), role) != arguments.roles.end();
  };
  options.aggregate = has_role("aggregate");
  options.evaluate = has_role("evaluate");
  const SignalWatcher signals;
  const std::unique_ptr<Cluster> cluster = open_kafka_cluster(*config);
  return supervise(options, *plan, *cluster, signals.token());
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("run", "Run the service: read telemetry, keep windows, evaluate rules, publish alerts");
  command->add_option("--config", arguments->config, "Configuration file")->required()->type_name("FILE");
  add_set_flag(*command, arguments->set);
  command->add_option("--role", arguments->roles, "What this process does: aggregate, evaluate, or both (default), separated by a comma")
      ->delimiter(',')
      ->check(CLI::IsMember({"aggregate", "evaluate"}));
  command->footer(
      "SIGTERM or Ctrl-C: commits what is open and ends; a second one ends at once.\nExample:\n  tocsin run --config tocsin.yaml");
  command->callback([arguments, &exit_code] {
    const Status status = run_service(*arguments);
    exit_code = status.ok() ? kExitFine : report(status);
  });
}

}  // namespace tocsin::cli
