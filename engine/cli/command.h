#pragma once

// The commands of the `tocsin` binary. Each lives in a file of its own and adds itself to the command line: its flags, its help, and a
// callback that does the work and sets the process' exit code. Beside them, what several commands have in common.
//
// Thread: the main thread.

#include <CLI/App.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/base/time.h"

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

// Tells a failure on stderr, each of its lines with the program's name, and returns the exit code for it: kExitUsage for what the user has
// to correct (kInvalidArgument, kNotFound), else kExitNo.
int report(const Status& status);

// Adds --set KEY=VALUE, repeatable.
CLI::Option* add_set_flag(CLI::App& command, std::vector<std::string>& overrides);

// For options that are counts: refuses negative numbers, of which CLI11 makes the largest ones.
CLI::Validator not_negative();

// A length of time as `flag` was given it, at most a hundred years, so that sums of times stay in their range. kInvalidArgument names it.
Result<Duration> parse_length(const std::string& text, std::string_view flag);

// An instant as `flag` was given it. kInvalidArgument names the flag.
Result<EventTime> parse_time(const std::string& text, std::string_view flag);

// `text` with every control character replaced: labels come from applications, and a terminal would do what such characters say.
std::string printable(std::string_view text);

}  // namespace tocsin::cli
