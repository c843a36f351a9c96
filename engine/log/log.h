#pragma once

// Ports to a partitioned, transactional log: what the runtime needs of Kafka, and no more.
//
// engine/kafka implements them with librdkafka, engine/log/memory_log with an in-process log (backtest, demo, tests), and
// engine/log/file_source lets files stand for input partitions. Everything above these ports is the same in all of them.
//
// Thread: one consumer and one producer belong to one worker; each is confined to the thread that uses it, except that
//         TransactionalProducer::commit may run on another thread than the consumer's (never two at once).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/base/time.h"

namespace tocsin::log {

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

struct Header {
  std::string name;
  std::string value;
};

// A record that was read. The views are valid until the RecordBatch that holds it is cleared.
struct Record {
  int32_t source = 0;  // index into the consumer's sources(): topic and partition
  int64_t offset = 0;
  std::string_view key;
  std::string_view value;
  bool has_value = true;          // false: a tombstone
  bool padded = false;            // at least 64 readable bytes follow `value` (SIMD parsers want them)
  int64_t timestamp_ms = 0;       // Kafka's record time; 0 or less: none
  bool log_append_time = false;   // the topic stamps records when it appends them
  std::string_view content_type;  // header "content-type", or ""
};

// Records of one poll, with whatever keeps their bytes alive.
class RecordBatch {
 public:
  struct Storage {
    virtual ~Storage() = default;
  };
  std::vector<Record> records;
  std::unique_ptr<Storage> storage;
  void clear() {
    records.clear();
    storage.reset();
  }
};

// A committed position: the offset of the next record, and what was stored with it (at most 4,096 bytes on a Kafka broker).
struct CommittedOffset {
  int64_t offset = 0;
  std::string metadata;
};

// Where reading starts if nothing is committed.
struct StartPosition {
  enum class Kind { kEarliest, kLatest, kTime, kOffset } kind = Kind::kEarliest;
  int64_t value = 0;  // kTime: Unix milliseconds; kOffset: the offset
};

// A partition given to this member of the group.
struct Assignment {
  int32_t source = 0;  // index into sources()
  std::optional<CommittedOffset> committed;
};

// What happens to a consumer's partitions. Called from within poll() and rewind(), on their thread.
class ConsumerListener {
 public:
  virtual ~ConsumerListener() = default;
  // New partitions. Returns for each where to start reading (Kafka: may be any offset, also below the committed one). An error: none is
  // taken; unless they go elsewhere first they are given again by a later poll(), with what is committed by then.
  virtual Result<std::vector<StartPosition>> on_assigned(const std::vector<Assignment>& partitions) = 0;
  // The partitions go away in good order: commit what is open before returning. The group waits.
  virtual void on_revoked(const std::vector<int32_t>& sources) = 0;
  // The partitions are gone already: whatever is uncommitted must be dropped.
  virtual void on_lost(const std::vector<int32_t>& sources) = 0;
  // Offsets [from, to) of a partition can no longer be read (retention): reading goes on at `to`.
  virtual void on_range_lost(int32_t source, int64_t from, int64_t to) = 0;
  // Answer to probe_end(): at wall time `asked_at` the partition's readable end was `end`.
  virtual void on_end(int32_t source, int64_t end, WallTime asked_at) = 0;
  // The partition has ended for ever (a file). Never for Kafka.
  virtual void on_finished(int32_t source) = 0;
};

// Identity of a consumer within its group, taken at a moment; opaque to all but the log that made it.
class GroupMetadata {
 public:
  virtual ~GroupMetadata() = default;
};

// A member of a consumer group, reading committed records only.
class GroupConsumer {
 public:
  virtual ~GroupConsumer() = default;
  // Waits up to `timeout` for records; fills `batch` (cleared first). May call the listener.
  // kFenced: another process of this member's name takes it over, again after we took it back once: the first time may be an echo of
  // our own. kUnavailable: retried inside; reported for the log only.
  virtual Status poll(Duration timeout, RecordBatch& batch) = 0;
  // Topics and partitions known so far; an index stays valid for the consumer's life.
  virtual const std::vector<TopicPartition>& sources() const = 0;
  // The offset after the last record handed out (past control records), or where reading will start.
  virtual int64_t position(int32_t source) const = 0;
  // Number of partitions of each subscribed topic, by the newest metadata.
  virtual Result<std::vector<std::pair<std::string, int32_t>>> partition_counts() = 0;
  virtual void pause(int32_t source) = 0;
  virtual void resume(int32_t source) = 0;
  // Asks for the readable end of a partition; the answer comes to on_end().
  virtual void probe_end(int32_t source) = 0;
  // After an aborted or doubtful transaction: calls on_lost for the whole assignment, reads the committed offsets again (waiting
  // for transactions in doubt), calls on_assigned, and goes on from there. kUnavailable: not yet; poll() goes on with it.
  virtual Status rewind() = 0;
  // For send-offsets-to-transaction; taken per transaction because the generation changes. Null while not a member (generation < 0).
  virtual std::shared_ptr<const GroupMetadata> group_metadata() = 0;
  // Leaves off reading; revokes the assignment first (listener is called).
  virtual Status close() = 0;
};

struct OutRecord {
  std::string topic;
  int32_t partition = -1;  // -1: by hash of the key
  std::string key;
  std::optional<std::string> value;  // absent: a tombstone
  std::vector<Header> headers;
};

struct OffsetCommit {
  TopicPartition partition;
  int64_t offset = 0;
  std::string metadata;
};

// Everything that becomes visible at once.
struct Transaction {
  std::vector<OutRecord> records;
  std::vector<OffsetCommit> offsets;
  std::shared_ptr<const GroupMetadata> group;  // of the consumer whose offsets these are
};

// Where the records of a committed transaction lie: the highest offset per (topic, partition) that was written by explicit partition; -1
// if the log holds them and did not say where.
struct CommitReceipt {
  std::vector<std::pair<TopicPartition, int64_t>> last_offsets;
};

class TransactionalProducer {
 public:
  virtual ~TransactionalProducer() = default;
  // All or nothing. Errors:
  //   kAborted      rolled back for certain; rewind() and do the work again (unless the consumer is fenced, which it then says)
  //   kUnavailable  the outcome was not learned in time; the producer has replaced itself (a late answer meets a new epoch), and
  //                 rewind() tells what was committed
  //   kFenced       another process owns the transactional id; stop
  //   kInvalidArgument  a record that the log refuses (too large, topic missing); message says which
  virtual Result<CommitReceipt> commit(Transaction transaction) = 0;
};

// Reads one partition by itself, outside any group, committed records only (changelog restore, alert tailing).
class PartitionReader {
 public:
  virtual ~PartitionReader() = default;
  // First and next-after-last readable offset.
  virtual Result<std::pair<int64_t, int64_t>> bounds(const TopicPartition& partition) = 0;
  // Calls `visit` for each record from `from` up to (excluding) `to`, in order. Stops with the visitor's error.
  struct Visitor {
    virtual ~Visitor() = default;
    virtual Status record(const Record& record) = 0;
  };
  virtual Status read(const TopicPartition& partition, int64_t from, int64_t to, Visitor& visit) = 0;
};

}  // namespace tocsin::log
