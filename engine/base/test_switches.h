#pragma once

// Places at which a build for tests (CMake option TOCSIN_TEST_SWITCHES, preset `faults`) can be told to do wrong: to be killed there
// (failpoints), or to have a defect that somebody might write (mutants). The tests of exactly-once delivery have to cope with the
// former and to find the latter. In every other build both functions are empty and constant.
//
// Told by the environment of the process, read once:
//   TOCSIN_DEFECT=NAME            the defect is there
//   TOCSIN_FAILPOINT=NAME[:N]     SIGKILL when the failpoint is passed for the N-th time (default 1)
// or, within a process, by set_defect().
//
// Thread:  any; set_defect() before the threads that ask.
// Failure: a name that is not in the lists below ends the process: a misspelt one would test nothing.

#include <array>
#include <string_view>

namespace tocsin::test_switches {

struct Switch {
  std::string_view name;
  std::string_view what;
};

// What can go wrong, and what is said of it in the table of `./dev mutants`. Each is asked for in one place.
inline constexpr std::array kDefects{
    Switch{"drop_alert", "every 16th alert event of an evaluate worker is not put into its transaction"},
};

// Where a process can be killed.
inline constexpr std::array kFailpoints{
    Switch{"evaluate_committed", "an evaluate worker's transaction is committed, its store does not know yet"},
};

#ifdef TOCSIN_TEST_SWITCHES
inline constexpr bool kPresent = true;
bool defect(std::string_view name);
void failpoint(std::string_view name);
// "": none.
void set_defect(std::string_view name);
#else
inline constexpr bool kPresent = false;
constexpr bool defect(std::string_view) { return false; }
constexpr void failpoint(std::string_view) {}
#endif

}  // namespace tocsin::test_switches
