#pragma once

// The commands of the `tocsin` binary. Each lives in a file of its own and adds itself to the command line: its flags, its help, and a
// callback that does the work and sets the process' exit code.

#include <CLI/App.hpp>
#include <string>

#include "engine/base/status.h"

namespace tocsin::cli {

inline constexpr int kExitFine = 0;
inline constexpr int kExitNo = 1;     // the answer is no, or the work could not be done
inline constexpr int kExitUsage = 2;  // usage or configuration

// `exit_code` must outlive the parsing of `app`.
void add_run(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_backtest(CLI::App& app, int& exit_code);
void add_topics(CLI::App& app, int& exit_code);
void add_loadgen(CLI::App& app, int& exit_code);
void add_watch(CLI::App& app, int& exit_code);
void add_demo(CLI::App& app, int& exit_code);

// Tells a failure on stderr and returns the exit code for it: kExitUsage for what the user has to correct (kInvalidArgument, kNotFound),
// else kExitNo.
int report(const Status& status);

// The help text of --set, which several commands have.
inline constexpr const char* kSetHelp = "Override one key of the configuration, such as time.resolution=1s (repeatable)";

}  // namespace tocsin::cli
