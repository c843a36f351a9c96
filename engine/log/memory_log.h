#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/status.h"
#include "engine/log/assignor.h"
#include "engine/log/log.h"

namespace tocsin::log {

struct MemoryBroker;

struct MemoryLogOptions {
  Clock clock;  // stamps records and probes; required; called with the log's lock held
  // As on a broker, a transaction leaves a control record behind its records in each partition that it touched, and a rolled back
  // one its unreadable records too: offsets have gaps.
  bool control_records = true;
  size_t record_bytes_max = 1'048'588;       // of key and value; Kafka's default for a message
  size_t offset_metadata_bytes_max = 4'096;  // Kafka's default
};

// What a topic keeps.
enum class Retain {
  kAll,
  kUntilConsumed,  // records below the committed offset of the topic's one consuming group are dropped: bounded memory
  kNone,           // records are counted and dropped at once: a changelog that nobody will read
};

struct TopicOptions {
  int32_t partitions = 1;
  Retain retain = Retain::kAll;
  bool log_append_time = false;  // what Record::log_append_time says; the clock stamps records either way
};

struct MemoryConsumerOptions {
  std::string group;
  std::string instance_id;  // "": a dynamic member
  std::vector<std::string> topics;
  AssignmentStrategy strategy = AssignmentStrategy::kRange;  // the same in all members of a group
  size_t poll_records_max = 4'096;
  size_t poll_bytes_max = 1 << 20;  // a poll ends with the record that reaches it
};

// When an injected fault strikes: before the transaction takes effect (it does not), or after it did (only the answer is lost).
enum class FaultPoint { kBefore, kAfter };

// A record as the log holds it, for tests and for showing what was written.
struct LogEntry {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::string key;
  std::optional<std::string> value;
  std::vector<Header> headers;
};

// A producer whose transactions can also be taken step by step, for a simulation of what may come in between.
class StagedProducer : public TransactionalProducer {
 public:
  // Writes records and offsets as commit() does, but leaves the transaction open: nothing of it can be read, partitions that it wrote to
  // are readable up to its first record, and whoever is given partitions whose offsets it holds waits. It stays open when this producer
  // goes; the next one of its id, or time_out(), rolls it back. Errors as of commit(): then nothing is open.
  virtual Status begin(Transaction transaction) = 0;
  // Ends it. kFenced: this id has been taken over, or the transaction timed out.
  virtual Result<CommitReceipt> end() = 0;
  // Rolls it back. kFenced as above.
  virtual Status abort() = 0;
};

// A partitioned, transactional log in this process, which behaves towards its users as Kafka does: backtest, demo, unit tests and the
// simulation run the engine over it. Topics have partitions, offsets with gaps, keys, tombstones and headers; a transaction's records
// and offsets become visible at once; groups have generations, static members and rebalances; old members and producers are fenced.
//
// How its consumers differ from Kafka's, within what GroupConsumer promises: consumer() joins the group at once, and the next poll()
// brings the assignment (an empty one is not reported); a rebalance is complete when each member has polled, so one that never polls
// again holds the group up until expire(); there are no sessions that run out by themselves (see MemoryGroup). rewind() and a new
// assignment forget pauses. poll() returns kFenced for ever once the member's instance id was taken twice, and kDataLoss if reading
// was to start beyond the partition's end.
//
// Thread:     any. Consumers, producers and readers are confined as log.h says; different ones may be on different threads.
// Lifetime:   outlives every consumer, producer and reader made from it; a listener outlives its consumer. A consumer that is destroyed
//             without close() has crashed: its group notices nothing until expire_absent() or the next rebalance.
// Invariants: (1) a transaction is visible as a whole or not at all, to every reader; (2) committed offsets change only with it;
//             (3) offsets of a partition that were seen rise strictly, whatever is dropped, but for shorten().
// Failure:    as log.h says, code by code; fail_next_commit() brings each about.
class MemoryLog {
 public:
  explicit MemoryLog(MemoryLogOptions options);
  ~MemoryLog();
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  // The topic must not exist, with at least one partition. Groups that subscribe to it already are rebalanced.
  void create_topic(const std::string& name, const TopicOptions& options);
  // Grows an existing topic to `partitions`, and rebalances the groups that read it.
  void add_partitions(const std::string& name, int32_t partitions);

  // Joins the group. `listener` must outlive the consumer. A topic that does not exist yet has no partitions until it does.
  std::unique_ptr<GroupConsumer> consumer(MemoryConsumerOptions options, ConsumerListener& listener);
  // Fences the producer that had this transactional id before, and rolls back what that one left open.
  std::unique_ptr<StagedProducer> producer(std::string transactional_id);
  std::unique_ptr<PartitionReader> reader();

  // Writes one record outside any transaction (without control record) and returns its offset. `timestamp_ms`: instead of the
  // clock's. kInvalidArgument as for TransactionalProducer::commit.
  Result<int64_t> append(OutRecord record, std::optional<int64_t> timestamp_ms = std::nullopt);
  // Retention: what lies below `offset` is gone. A consumer that stands below is told by on_range_lost.
  void truncate(const TopicPartition& partition, int64_t offset);
  // The end from `offset` on is lost, as where a replica leads that lacked it, or a topic is deleted and made anew (offset 0). False, and
  // nothing is lost, while a transaction is open in the partition.
  bool shorten(const TopicPartition& partition, int64_t offset);
  // Compaction: of each key the last readable record stays, and no tombstone older than `tombstones_since`.
  void compact(const TopicPartition& partition, WallTime tombstones_since);

  // The next commit (of that producer; "": of any) that passes all checks ends with `code`. Several calls queue up.
  // kUnavailable may strike at either point, every other code only before: it promises that nothing was written.
  void fail_next_commit(StatusCode code, FaultPoint point = FaultPoint::kBefore, std::string transactional_id = "");
  // The open transaction of this id, if there is one, has taken too long: it is rolled back, and its producer fenced.
  void time_out(const std::string& transactional_id);
  // The session of this consumer, made by this log, runs out while it is silent (a pause, a partition of the network): the group
  // goes on without it. Its own next poll() finds out.
  void expire(const GroupConsumer& consumer);
  // The sessions of the group's crashed and of its closed static members run out.
  void expire_absent(const std::string& group);

  // Of all producers that there have been.
  std::vector<std::string> transactional_ids();
  std::optional<CommittedOffset> committed(const std::string& group, const TopicPartition& partition);
  // What can be read of the partition now, without gaps.
  std::vector<LogEntry> entries(const TopicPartition& partition);

 private:
  std::unique_ptr<MemoryBroker> broker_;
};

}  // namespace tocsin::log
