#include <fmt/format.h>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "engine/cli/command.h"

namespace tocsin::cli {

int report(const Status& status) {
  fmt::print(stderr, "tocsin: {}\n", status.message());
  const bool users = status.code() == StatusCode::kInvalidArgument || status.code() == StatusCode::kNotFound;
  return users ? kExitUsage : kExitNo;
}

namespace {

int run(int argc, char** argv) {
  // The log goes to stderr: stdout belongs to what a command answers.
  spdlog::set_default_logger(spdlog::stderr_color_mt("tocsin"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  CLI::App app("Tocsin watches telemetry events in Kafka and raises alerts, exactly once.", "tocsin");
  app.set_version_flag("--version", std::string("tocsin ") + TOCSIN_VERSION, "Print the version and exit");
  app.get_help_ptr()->description("Print this help and exit");
  app.require_subcommand(0, 1);  // none is told apart from an unknown one below
  app.footer("`tocsin COMMAND --help` tells more about a command.\nExit codes: 0 fine, 1 the answer is no, 2 usage or configuration.");
  int exit_code = kExitFine;
  add_run(app, exit_code);
  add_check(app, exit_code);
  add_backtest(app, exit_code);
  add_topics(app, exit_code);
  add_loadgen(app, exit_code);
  add_watch(app, exit_code);
  add_demo(app, exit_code);
  for (CLI::App* command : app.get_subcommands({})) command->get_help_ptr()->description("Print this help and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitFine : kExitUsage;  // 0: help or version was asked for
  }
  if (app.get_subcommands().empty()) {
    fmt::print(stderr, "{}", app.help());
    return kExitUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace tocsin::cli

int main(int argc, char** argv) { return tocsin::cli::run(argc, argv); }
