#pragma once

// What the simulation has done to the engine, counted: a fault that is never met tests nothing.
//
// Thread: confined; each job has its own, and they are added up.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tocsin::simulation {

enum class Event : uint8_t {
  // Crashes, by what the process was doing.
  kCrashReading,
  kCrashSubmitted,
  kCrashBegun,
  kCrashEnding,
  kCrashCommitted,
  kCrashBeforeStoreWrite,
  kCrashBetweenStoreWrites,
  kCrashRestoring,
  kCrashAssigned,
  kCrashRevoked,
  kCrashLost,
  // Transactions.
  kAnswerLostCommitted,
  kAnswerLostRolledBack,
  kAborted,
  kLateEndFenced,
  kLateEndApplied,
  kTimedOut,
  kAssignmentWaited,
  kOffsetsOfThePast,
  kMisled,
  kStopped,
  // Reading.
  kFetchDelayed,
  kBrokersAway,
  kRestoreCutOff,
  kForeignOpen,
  kForeignRolledBack,
  // The group.
  kJoined,
  kLeft,
  kMemberExpired,
  kAbsentExpired,
  kPaused,
  kZombieResumed,
  kNameTaken,
  kProcessFenced,
  kOthersActed,
  // Disks.
  kDiskLostNewest,
  kDiskLost,
  kDiskOld,
  kDiskFull,
  kDiskDamaged,
  kDiskRefused,
  kChangelogCompacted,
  kDiskTooOld,
  kChangelogLost,
  kChangelogShortened,
  // Time and input.
  kClockForwards,
  kClockBackwards,
  kLongPause,
  kPartitionAdded,
  kLateEvent,
  kDeadLetter,
  kAlert,
  kRestored,
  kCount,
};

std::string_view describe(Event event);

class Coverage {
 public:
  void hit(Event event, uint64_t times = 1) { counts_[static_cast<size_t>(event)] += times; }
  uint64_t count(Event event) const { return counts_[static_cast<size_t>(event)]; }
  void add(const Coverage& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }

 private:
  std::array<uint64_t, static_cast<size_t>(Event::kCount)> counts_{};
};

}  // namespace tocsin::simulation
