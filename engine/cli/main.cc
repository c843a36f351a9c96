#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#ifdef TOCSIN_MIMALLOC
#include <mimalloc.h>
#endif

#include "engine/cli/command.h"
#include "engine/kafka/call_thread.h"

namespace tocsin::cli {
namespace {

// A descriptor that the caller has closed would be given to the next file or socket, and what is printed would end up in that. It is taken
// by one that fails as before (input, output), or that swallows what nobody wants to hear (messages).
void hold_standard_descriptors() {
  constexpr struct {
    int descriptor, mode;
  } kPlaces[] = {{STDIN_FILENO, O_WRONLY}, {STDOUT_FILENO, O_RDONLY}, {STDERR_FILENO, O_WRONLY}};
  for (const auto& place : kPlaces) {  // rising, so that open() gives the one that is missing
    if (::fcntl(place.descriptor, F_GETFD) < 0) (void)::open("/dev/null", place.mode);
  }
}

// The memory of one fetched batch is that of the next, unless mimalloc gives it back to the kernel in between, which it does after 25 ms;
// page faults were a tenth of a drain then (docs/performance.md). MIMALLOC_DECOMMIT_DELAY in the environment comes first.
void keep_freed_memory_for_a_moment() {
#ifdef TOCSIN_MIMALLOC
  constexpr long kMilliseconds = 4'000;
  mi_option_set_default(mi_option_decommit_delay, kMilliseconds);
#endif
}

Status output_failed(const char* reason) {
  return unavailable(fmt::format("the standard output cannot be written: {}; what is missing of it is lost", reason));
}

// The last of the answer lies in a buffer until now; that of CLI11, which writes to std::cout, in the same one.
Status flush_output() {
  if (std::fflush(stdout) != 0) return output_failed(std::strerror(errno));
  return std::ferror(stdout) == 0 ? Status() : output_failed("an earlier write failed");
}

int run(int argc, char** argv) {
  keep_freed_memory_for_a_moment();
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
    std::fputs(app.help().c_str(), stderr);
    return kExitUsage;
  }
  return exit_code;
}

int run_and_flush(int argc, char** argv) {
  const int exit_code = run(argc, argv);
  const Status flushed = flush_output();
  const int failed = flushed.ok() ? kExitFine : report(flushed);
  return exit_code == kExitFine ? failed : exit_code;
}

// Ends the process: without destructors of static objects if a client of Kafka may still use them.
int leave(int exit_code) {
  if (kafka::CallThread::left_behind() > 0) std::_Exit(exit_code);
  return exit_code;
}

}  // namespace
}  // namespace tocsin::cli

int main(int argc, char** argv) {
  using namespace tocsin;
  cli::hold_standard_descriptors();
  try {
    return cli::leave(cli::run_and_flush(argc, argv));
  } catch (const std::exception& error) {
    // fmt::print() throws where it cannot write.
    return cli::leave(cli::report(std::ferror(stdout) != 0 ? cli::output_failed(error.what()) : internal_error(error.what())));
  }
}
