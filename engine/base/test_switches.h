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
    Switch{"transaction_begin", "a transaction is about to begin"},
    Switch{"transaction_records", "its records are in the producer's queue, its offsets have not been sent"},
    Switch{"transaction_offsets", "its offsets have been sent, EndTxn has not"},
    Switch{"transaction_committed", "EndTxn has been answered, the worker does not know yet"},
    Switch{"transaction_aborted", "a transaction that failed has been rolled back, the worker does not know yet"},
    Switch{"producer_replaced", "a transaction's outcome is unknown, and a new client has taken its id over"},
    Switch{"aggregate_flush", "frames have been made of what an aggregate worker read, and not handed over"},
    Switch{"aggregate_rewind", "an aggregate worker's transaction was not committed, and it has not gone back yet"},
    Switch{"aggregate_assigned", "an aggregate worker has taken over committed offsets and clocks"},
    Switch{"aggregate_revoked", "an aggregate worker is asked for its partitions, and has not flushed what it read"},
    Switch{"aggregate_given_up", "it has flushed that, and the group does not know yet that it gave them up"},
    Switch{"evaluate_seal", "an evaluate worker has alerts and changes for a transaction, and has not handed it over"},
    Switch{"evaluate_committed", "an evaluate worker's transaction is committed, its store does not know yet"},
    Switch{"evaluate_partition_stored", "the store has the changes of one partition, maybe not those of the others"},
    Switch{"evaluate_stored", "the store has all changes of a transaction"},
    Switch{"evaluate_rewind", "an evaluate worker's transaction was not committed, and it has not gone back yet"},
    Switch{"evaluate_revoked", "an evaluate worker is asked for its partitions, and has not committed what is open"},
    Switch{"evaluate_given_up", "it has committed that, and the group does not know yet that it gave them up"},
    Switch{"restore_emptied", "a partition's old rows are gone from the store, its changelog has not been read"},
    Switch{"restore_batch", "the store has a batch of changelog records of a restore"},
    Switch{"restore_caught_up", "the store is at the changelog's end, the evaluator has not read it"},
    Switch{"restore_done", "a partition is restored, reading again from the rewind offset has not begun"},
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
