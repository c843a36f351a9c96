// tocsin_simulate: runs simulated schedules, and says which seeds break what the engine promises.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/test_switches.h"
#include "tests/simulation/runner.h"

namespace tocsin::simulation {
namespace {

constexpr const char* kUsage =
    "usage: tocsin_simulate [--seeds N] [--from S] [--jobs J] [--verbose] [--defect NAME] [--allow-gaps]\n"
    "\n"
    "--seeds N       how many schedules (default 1000)\n"
    "--from S        the first seed (default 0)\n"
    "--jobs J        how many at once (default 1)\n"
    "--verbose       print what happens in each; implies --allow-gaps\n"
    "--defect NAME   with this seeded defect (engine/base/test_switches.h), in a build that has them\n"
    "--allow-gaps    do not fail for a kind of fault that was never met: for few seeds\n";

struct Arguments {
  uint64_t seeds = 1'000;
  uint64_t from = 0;
  uint64_t jobs = 1;
  bool verbose = false;
  bool allow_gaps = false;
  std::string defect;
};

thread_local uint64_t current_seed = 0;
char defect_option[64] = "";  // how the seeded defect is asked for again; set before the threads start

// A failed check aborts the process: which seed it was has to be said before.
void tell_seed(int) {
  char text[192];
  const int size =
      std::snprintf(text, sizeof text, "\naborted in seed %llu; again: ./dev simulate --seeds 1 --from %llu --verbose%s\n",
                    static_cast<unsigned long long>(current_seed), static_cast<unsigned long long>(current_seed), defect_option);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, static_cast<size_t>(size));
  std::signal(SIGABRT, SIG_DFL);
}

[[noreturn]] void refuse(const std::string& why) {
  fmt::print(stderr, "error: {}\n{}", why, kUsage);
  std::exit(2);
}

uint64_t number(const std::string& flag, const char* text) {
  if (text == nullptr) refuse(flag + " needs a number");
  uint64_t value = 0;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end) refuse(fmt::format("{} {}: not a number", flag, text));
  return value;
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const char* const value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (flag == "--verbose") {
      arguments.verbose = arguments.allow_gaps = true;
      continue;
    }
    if (flag == "--allow-gaps") {
      arguments.allow_gaps = true;
      continue;
    }
    if (flag == "--seeds") {
      arguments.seeds = number(flag, value);
    } else if (flag == "--from") {
      arguments.from = number(flag, value);
    } else if (flag == "--jobs") {
      arguments.jobs = std::max<uint64_t>(1, number(flag, value));
    } else if (flag == "--defect") {
      if (value == nullptr) refuse("--defect needs a name");
      arguments.defect = value;
    } else if (flag == "--help") {
      fmt::print("{}", kUsage);
      std::exit(0);
    } else {
      refuse(fmt::format("'{}' is not an option", flag));
    }
    ++i;
  }
  return arguments;
}

// Hands out seeds to jobs, an input's at a time, and collects what they find.
class Campaign {
 public:
  explicit Campaign(const Arguments& arguments)
      : arguments_(arguments), next_(arguments.from), end_(arguments.from + arguments.seeds), began_(std::chrono::steady_clock::now()) {}

  void run() {
    std::vector<std::thread> jobs;
    for (uint64_t i = 1; i < arguments_.jobs; ++i) jobs.emplace_back([this] { work(); });
    work();
    for (std::thread& job : jobs) job.join();
  }

  // Whether all is well.
  bool report() const {
    const double seconds = elapsed();
    bool complete = true;
    fmt::print("\n{:>12}  met\n", "times");
    for (size_t i = 0; i < static_cast<size_t>(Event::kCount); ++i) {
      const auto event = static_cast<Event>(i);
      fmt::print("{:>12}  {}{}\n", coverage_.count(event), describe(event), coverage_.count(event) == 0 ? "   <- never" : "");
      complete = complete && coverage_.count(event) > 0;
    }
    const double processor_seconds = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    fmt::print("\n{} schedules in {:.1f} s, {:.0f} per second of processor time, {} violations\n", done_, seconds,
               static_cast<double>(done_) / processor_seconds, violations_);
    if (next_ < end_) fmt::print("stopped after {} violations, before seed {}\n", violations_, next_);
    if (!complete && !arguments_.allow_gaps) fmt::print("not everything was met: run more seeds, or give --allow-gaps\n");
    return violations_ == 0 && (complete || arguments_.allow_gaps);
  }

 private:
  static constexpr uint64_t kViolationsMax = 20;
  static constexpr uint64_t kTellEvery = 10'000;

  double elapsed() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

  void work() {
    Runner runner;
    while (true) {
      uint64_t from = 0, to = 0;
      {
        const std::lock_guard lock(mutex_);
        if (next_ >= end_ || violations_ >= kViolationsMax) break;
        from = next_;
        to = next_ = std::min(end_, (from / kSeedsPerInput + 1) * kSeedsPerInput);
      }
      for (uint64_t seed = from; seed < to; ++seed) {
        current_seed = seed;
        const std::optional<std::string> problem = runner.run(seed, arguments_.verbose);
        finished(seed, problem);
      }
    }
    const std::lock_guard lock(mutex_);
    coverage_.add(runner.coverage());
  }

  void finished(uint64_t seed, const std::optional<std::string>& problem) {
    const std::lock_guard lock(mutex_);
    if (++done_ % kTellEvery == 0) fmt::print("{} schedules, {:.0f} s, {} violations\n", done_, elapsed(), violations_);
    if (problem) {
      ++violations_;
      fmt::print("VIOLATION in seed {}: {}\n  again: ./dev simulate --seeds 1 --from {} --verbose{}\n", seed, *problem, seed,
                 arguments_.defect.empty() ? "" : " --defect " + arguments_.defect);
    }
    std::fflush(stdout);
  }

  const Arguments& arguments_;
  std::mutex mutex_;
  uint64_t next_;
  const uint64_t end_;
  const std::chrono::steady_clock::time_point began_;
  uint64_t done_ = 0;
  uint64_t violations_ = 0;
  Coverage coverage_;
};

int run(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (!arguments.defect.empty()) {
#ifdef TOCSIN_TEST_SWITCHES
    test_switches::set_defect(arguments.defect);
    std::snprintf(defect_option, sizeof defect_option, " --defect %s", arguments.defect.c_str());
#else
    refuse("this build has no seeded defects: build the preset `faults`, as ./dev simulate --defect does");
#endif
  }
  spdlog::set_level(spdlog::level::off);
  std::signal(SIGABRT, tell_seed);
  Campaign campaign(arguments);
  campaign.run();
  return campaign.report() ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::simulation

int main(int argc, char** argv) { return tocsin::simulation::run(argc, argv); }
