#include "tests/simulation/coverage.h"

#include "engine/base/check.h"

namespace tocsin::simulation {

std::string_view describe(Event event) {
  switch (event) {
    case Event::kCrashReading: return "crash: no transaction in flight";
    case Event::kCrashSubmitted: return "crash: transaction handed over, not begun";
    case Event::kCrashBegun: return "crash: transaction begun, its end not sent";
    case Event::kCrashEnding: return "crash: end of the transaction sent";
    case Event::kCrashCommitted: return "crash: committed, answer not seen";
    case Event::kCrashBeforeStoreWrite: return "crash: answer seen, store not written";
    case Event::kCrashBetweenStoreWrites: return "crash: between the store writes of a commit";
    case Event::kCrashRestoring: return "crash: in a restore";
    case Event::kCrashAssigned: return "crash: partitions being assigned";
    case Event::kCrashRevoked: return "crash: partitions being revoked";
    case Event::kCrashLost: return "crash: partitions lost";
    case Event::kAnswerLostCommitted: return "answer of a commit lost, it was applied";
    case Event::kAnswerLostRolledBack: return "answer of a commit lost, it was rolled back";
    case Event::kAborted: return "transaction rolled back by the broker";
    case Event::kLateEndFenced: return "delayed end of a transaction, fenced";
    case Event::kLateEndApplied: return "delayed end of a dead process's transaction, applied";
    case Event::kTimedOut: return "transaction timed out";
    case Event::kAssignmentWaited: return "assignment waited for a transaction in doubt";
    case Event::kOffsetsOfThePast: return "committed offset asked for, one of the past answered";
    case Event::kMisled: return "the same, of a worker that cannot know";
    case Event::kStopped: return "stopped for good by what that brought about";
    case Event::kFetchDelayed: return "poll without the records that were there";
    case Event::kBrokersAway: return "poll without brokers";
    case Event::kRestoreCutOff: return "restore cut off, tried again";
    case Event::kForeignOpen: return "input behind an open foreign transaction";
    case Event::kForeignRolledBack: return "input rolled back by its producer";
    case Event::kJoined: return "process joined";
    case Event::kLeft: return "process left in good order";
    case Event::kMemberExpired: return "session of a living process ran out";
    case Event::kAbsentExpired: return "session of a dead process ran out";
    case Event::kPaused: return "process stood still";
    case Event::kZombieResumed: return "process resumed after its session or name was gone";
    case Event::kNameTaken: return "second process of one name";
    case Event::kProcessFenced: return "process ended, fenced";
    case Event::kOthersActed: return "others acted while a worker waited";
    case Event::kDiskLostNewest: return "disk: newest batches lost";
    case Event::kDiskLost: return "disk: all lost";
    case Event::kDiskOld: return "disk: an old one came back";
    case Event::kDiskFull: return "disk: full";
    case Event::kDiskDamaged: return "disk: a row damaged";
    case Event::kDiskRefused: return "disk: refused for its damage, and replaced";
    case Event::kChangelogCompacted: return "changelog compacted";
    case Event::kDiskTooOld: return "disk: older than the changelog's tombstones";
    case Event::kChangelogLost: return "changelog deleted by somebody";
    case Event::kChangelogShortened: return "changelog without its end";
    case Event::kClockForwards: return "wall clock jumped forwards";
    case Event::kClockBackwards: return "wall clock jumped backwards";
    case Event::kLongPause: return "everything stood still for half a day or more than one";
    case Event::kPartitionAdded: return "input partition added";
    case Event::kLateEvent: return "late events written";
    case Event::kDeadLetter: return "dead letters";
    case Event::kAlert: return "alert events";
    case Event::kRestored: return "partitions restored";
    case Event::kCount: break;
  }
  TOCSIN_CHECK(false, "not an event");
  return {};
}

}  // namespace tocsin::simulation
