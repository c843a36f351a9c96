#pragma once

// A member of a Kafka consumer group: classic protocol, static membership, eager assignment, committed records only.
//
// poll() has two phases. The first acts on what came up since: rebalances, lost ranges, answers to probes; the listener is called here,
// when all that was handed out before has been worked on, so position() is the end of it. The second takes records out of
// librdkafka's queue and calls nobody. A rebalance that librdkafka reports in the second phase waits for the next first one, which
// the group allows: it goes on when rd_kafka_assign() is called.
//
//            rebalance: assign                    listener told,
//   nothing ─────────────────► awaiting start ───────────────────► reading
//      ▲                        │        ▲   offsets resolved       │  │
//      │ rebalance: revoke      │        │ rewind()                 │  │ out of range: asks where the log begins,
//      └────────────────────────┴────────┼──────────────────────────┘  │ goes on there with on_range_lost()
//                                        └─────────────────────────────┘
//
// Thread:     one.
// Invariants: (1) listener's on_assigned and on_revoked/on_lost alternate; (2) nothing is read of a partition before on_assigned
//             returned; (3) librdkafka's unassign follows on_revoked, so the group's generation cannot change before it returned;
//             (4) after kFenced every call answers kFenced, and on_lost was called for whatever was assigned.
// Failure:    as log.h says; what is not found, by us or by the listener, is kUnavailable here and asked for again. kDataLoss if a position
//             lies beyond its partition's end, until the next rewind or assignment.
//
// Being fenced need not be another process' doing. A group gives a member that joins under our name a new id and refuses the earlier one,
// and librdkafka takes the refusal for final, whichever of its requests it answers. When the brokers have stood still for longer than a
// session it joins again and so fences itself: by a heartbeat that was on its way with the earlier id, or by one that has none yet. So:
//
//   - a client that was fenced is replaced, which takes the name back, from whomever;
//   - it is believed when a replacement is fenced under the very id that the group gave it first. Nobody else of ours has joined since.
//
// Of two processes of one name the earlier is fenced first, and so believes it first: it ends, after having taken the name from the later
// one once. A group can be asked for the client id and the host of a member instead, but it goes on showing those of the one replaced; and
// the time between two fencings tells nothing, because a broker may stand still twice, and a process that restores is slow to join again.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/kafka/deadline.h"
#include "engine/kafka/end_probes.h"
#include "engine/kafka/kafka.h"
#include "engine/kafka/message_batch.h"

namespace tocsin::kafka {

// A consumer to which nothing is assigned looks for the brokers so often. Each time librdkafka keeps a few bytes, and a member may have
// nothing to read for ever.
inline constexpr Duration kLookFirst{5'000}, kLookMax{30'000};

// The name under which `member` joins its group (group.instance.id): with other topics another one. To a static member that joins again
// the group gives what it had, and does not look at what it asks for now (KAFKA-12759). After a quick restart with another
// configuration that would be partitions of topics that it does not read, and nothing of a new one.
std::string instance_id(const std::string& member, std::vector<std::string> topics);

class KafkaGroupMetadata final : public log::GroupMetadata {
 public:
  explicit KafkaGroupMetadata(GroupMetadataHandle handle) : handle_(std::move(handle)) {}
  const rd_kafka_consumer_group_metadata_t* get() const { return handle_.get(); }

 private:
  GroupMetadataHandle handle_;
};

class KafkaConsumer final : public log::GroupConsumer {
 public:
  static Result<std::unique_ptr<KafkaConsumer>> open(ConsumerOptions options, log::ConsumerListener& listener);
  ~KafkaConsumer() override;
  KafkaConsumer(const KafkaConsumer&) = delete;
  KafkaConsumer& operator=(const KafkaConsumer&) = delete;

  Status poll(Duration timeout, log::RecordBatch& batch) override;
  const std::vector<log::TopicPartition>& sources() const override { return sources_; }
  int64_t position(int32_t source) const override;
  Result<std::vector<std::pair<std::string, int32_t>>> partition_counts() override;
  void pause(int32_t source) override;
  void resume(int32_t source) override;
  void probe_end(int32_t source) override { probes_.want(source); }
  Status rewind() override;
  std::shared_ptr<const log::GroupMetadata> group_metadata() override;
  Status close() override;

 private:
  // Partitions given to us that are not read yet, and how far we have come with them.
  struct Pending {
    std::vector<int32_t> sources;
    std::optional<std::vector<log::Assignment>> committed;
    std::optional<std::vector<log::StartPosition>> wanted;  // the listener has been told
  };
  struct Slot {
    bool paused = false;
    bool reading = false;       // librdkafka reads from `start` on and knows the position
    bool out_of_range = false;  // it stopped because the log has nothing there
    int64_t start = 0;          // the position while not reading, and until a record came
  };

  KafkaConsumer(ConsumerOptions options, log::ConsumerListener& listener, std::shared_ptr<Client> client);
  static Result<std::shared_ptr<Client>> make_client(const ConsumerOptions& options);
  Status subscribe();

  // First phase (consumer_assignment.cc).
  Status act();
  void act_on_rebalances();
  void act_on_rebalance(const RebalanceEvent& event);
  void give_up(bool lost);
  Status advance_pending(int timeout_ms);
  Status restore_ranges();
  Status settle_range(int32_t source, int64_t low, int64_t high);
  Status read_on();
  Status await_started() const;
  void stop_reading();
  Status check_alive();
  Status start_anew();
  void look_for_brokers();
  void answer_probes();

  // Second phase.
  void take(Duration timeout, log::RecordBatch& batch);
  size_t batch_size() const;
  void add(rd_kafka_message_t& message, log::RecordBatch& batch);
  void note_error(const rd_kafka_message_t& message);

  int32_t source_of(std::string_view topic, int32_t partition);
  int32_t source_of(const rd_kafka_message_t& message);
  std::vector<log::TopicPartition> partitions_of(const std::vector<int32_t>& sources) const;
  Slot& slot(int32_t source) { return slots_[static_cast<size_t>(source)]; }
  const Slot& slot(int32_t source) const { return slots_[static_cast<size_t>(source)]; }
  const log::TopicPartition& at(int32_t source) const { return sources_[static_cast<size_t>(source)]; }

  ConsumerOptions options_;
  log::ConsumerListener& listener_;
  std::shared_ptr<Client> client_;  // outlives what follows
  QueueHandle queue_;
  std::vector<TopicHandle> topics_;                     // as options_.topics; also keeps message.rkt comparable
  std::vector<std::vector<int32_t>> sources_by_topic_;  // as topics_, by partition; -1: not seen yet
  std::vector<log::TopicPartition> sources_;
  std::vector<Slot> slots_;        // as sources_
  std::vector<int32_t> assigned_;  // being read
  std::optional<Pending> pending_;
  EndProbes probes_;
  std::vector<rd_kafka_message_t*> scratch_;  // room for one batch
  size_t record_bytes_ = 4096;                // of the last batch, on average
  Status error_;                              // the newest that waits to be reported
  Status broken_;                             // kDataLoss
  Deadline first_session_;                    // until then the group has given client_ one member id at most,
  std::string first_member_id_;               // this one; "" if none was seen by then
  Duration look_interval_ = kLookFirst;
  Deadline look_ = Deadline::in(kLookFirst);  // for the brokers
  bool replaced_ = false;                     // client_ took the place of one that was fenced
  Status fenced_;
  bool in_listener_ = false;
  bool closed_ = false;
};

}  // namespace tocsin::kafka
