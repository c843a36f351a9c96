#pragma once

// Places at which a build for tests (CMake option TOCSIN_TEST_SWITCHES, preset `faults`) can be told to do wrong: to be killed there
// (failpoints), or to have a defect that somebody might write (mutants). The tests of exactly-once delivery have to cope with the
// former and to find the latter. Such a build can also stand for a later version, whose formats have higher numbers. In every other
// build these functions are empty and constant.
//
// Told by the environment of the process, read once:
//   TOCSIN_DEFECT=NAME            the defect is there
//   TOCSIN_FAILPOINT=NAME[:N]     SIGKILL when the failpoint is passed for the N-th time (default 1)
//   TOCSIN_FORMATS_AHEAD=N        the numbers of all formats are N higher: a later version with the same encodings
// or, within a process, by set_defect().
//
// Thread:  any; set_defect() before the threads that ask.
// Failure: a name that is not in the lists below ends the process, or does not compile: a misspelt one would test nothing.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tocsin::test_switches {

struct Switch {
  std::string_view name;
  std::string_view what;
};

// What can go wrong, and what is said of it in the table of `./dev mutants`. Each is asked for in one place.
inline constexpr std::array kDefects{
    // The transaction and what follows it.
    Switch{"drop_alert", "every 16th alert event of an evaluate worker is not put into its transaction"},
    Switch{"offsets_after_records", "records and offsets are two transactions, the records first"},
    Switch{"offsets_before_records", "records and offsets are two transactions, the offsets first"},
    Switch{"input_offset_without_one", "stage 1 commits the offset of the last record read, not of the next one"},
    Switch{"partials_offset_without_one", "stage 2 commits the offset of the last frame applied, not of the next one"},
    Switch{"input_trusts_time_out", "stage 1 takes a transaction whose outcome is unknown for committed"},
    Switch{"partials_trusts_time_out", "stage 2 takes a transaction whose outcome is unknown for committed"},
    Switch{"aborted_not_done_again", "stage 1 goes on after an aborted transaction without reading its input again"},
    Switch{"older_offset_believed", "a worker takes an older committed offset than it was told before or has committed"},
    Switch{"transactional_id_per_start", "each start of a worker takes a transactional id of its own"},
    Switch{"store_before_commit", "the store is written before the transaction is committed"},
    Switch{"lease_ignored", "a worker writes to the store though the partition has gone to another one of the process"},
    Switch{"dead_letters_kept_on_rewind", "dead letters of messages that will be read again are kept"},
    Switch{"rows_kept_on_rewind", "accumulators of messages that will be read again are kept"},
    // Stage 1's clocks.
    Switch{"clock_not_restored", "the clock of a partition starts anew with each owner, whatever its committed offset carries"},
    Switch{"idle_without_proof", "a silent partition's watermark follows the wall clock though there is more to read"},
    // The store and its changelog.
    Switch{"changelog_not_caught_up", "a store that is behind its changelog is used as it is"},
    Switch{"changelog_place_of_another", "the store's place in the changelog is that of another partition in the same transaction"},
    Switch{"changelog_end_not_compared", "a changelog that has lost its end since, or was made anew, is taken for whole"},
    Switch{"old_store_kept", "a store is caught up from the changelog though tombstones may be gone since"},
    Switch{"restore_makes_store_young", "a restore that is cut off in the middle leaves an old store with the time of today"},
    Switch{"rebuilt_over_old_rows", "a store that is rebuilt is not emptied first"},
    Switch{"tombstones_not_written", "deletes are not written to the changelog"},
    Switch{"tombstones_ignored", "deletes in the changelog are not done in the store"},
    Switch{"checksums_not_verified", "blocks of the store are used though their checksum is wrong"},
    Switch{"damaged_row_skipped", "a state row that cannot be decoded is left out of a restore"},
    Switch{"position_not_compared", "a restored state is used though the group has committed another offset"},
    // Frames.
    Switch{"watermark_of_the_fastest", "the evaluation goes by the fastest input partition"},
    Switch{"repeated_frame_counted", "a frame whose input offsets were applied before is applied again"},
    Switch{"repeated_frame_replayed",
           "a frame that was dropped because it repeats offsets is counted when it is read again after a restart"},
    Switch{"frame_gap_ignored", "a frame that does not begin where the last one ended is applied"},
    Switch{"frame_part_applied_alone", "a part of a frame takes effect before the last one has come"},
    // Restore of the evaluator.
    Switch{"rewind_offset_ignored", "after a restart reading begins at the committed offset: rows that wait for their tick are lost"},
    Switch{"ticks_before_replay_ends", "after a restart ticks are evaluated before the rows that wait for them are back"},
    Switch{"late_rows_lost_in_replay", "late rows are left out when frames are read again"},
    Switch{"held_frames_forgotten", "after a restart rows of a partition that has joined take effect at their own time"},
    Switch{"firing_published_again", "each firing instance is published again by a restore"},
    Switch{"sequence_not_stored", "the sequence of an alert is not kept in its row"},
    Switch{"for_timer_lost", "a pending or ending instance is not looked at again after a restart, unless rows come"},
    Switch{"cooldown_forgotten", "the start of the last episode is forgotten by a restore"},
    Switch{"expiry_not_stored", "the instance of a group that expired stays in the state as it was"},
};

// A place in kDefects, looked up by the compiler: a misspelt name does not compile, and asking costs a comparison of two numbers.
struct Defect {
  size_t index = 0;
  consteval Defect(const char* name) {  // NOLINT(google-explicit-constructor): said as defect("name")
    while (kDefects.at(index).name != name) ++index;
  }
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
bool defect(Defect asked);
void failpoint(std::string_view name);
// "": none.
void set_defect(std::string_view name);
uint32_t formats_ahead();
#else
constexpr bool defect(Defect) { return false; }
constexpr void failpoint(std::string_view) {}
constexpr uint32_t formats_ahead() { return 0; }
#endif

}  // namespace tocsin::test_switches
