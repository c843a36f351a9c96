#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/log/log.h"
#include "engine/log/memory_broker.h"
#include "engine/log/memory_log.h"

namespace tocsin::log {

// A member of one of MemoryLog's groups. What it holds is what its listener was told; the group may be ahead of that until the next
// poll(), which follows it step by step:
//
//   the group says   the consumer does
//   kUnknown         on_lost for what it holds, joins again (its session ran out)
//   kFenced          on_lost; the first time it takes its name back, and says kUnavailable; then kFenced for ever
//   kMustRejoin      on_revoked, with the group waiting and the old generation still good for a commit; then rejoins
//   kMustSync        takes the new assignment, once no transaction on it is open: on_assigned
//   kSteady          reads
//
// Thread:     confined; the broker's mutex is held except in the listener.
// Lifetime:   less than the broker's and the listener's. Destroyed without close(): a crash.
// Invariants: (1) held_ is what on_assigned gave and neither on_revoked nor on_lost took; (2) group_metadata() is null while nothing
//             was assigned since the last on_revoked or on_lost.
// Failure:    see MemoryLog.
class MemoryConsumer : public GroupConsumer {
 public:
  MemoryConsumer(MemoryBroker& broker, MemoryConsumerOptions options, ConsumerListener& listener);
  ~MemoryConsumer() override;
  MemoryConsumer(const MemoryConsumer&) = delete;
  MemoryConsumer& operator=(const MemoryConsumer&) = delete;

  Status poll(Duration timeout, RecordBatch& batch) override;
  const std::vector<TopicPartition>& sources() const override { return sources_; }
  int64_t position(int32_t source) const override;  // -1: not held
  Result<std::vector<std::pair<std::string, int32_t>>> partition_counts() override;
  void pause(int32_t source) override { set_paused(source, true); }
  void resume(int32_t source) override { set_paused(source, false); }
  void probe_end(int32_t source) override;
  Status rewind() override;
  std::shared_ptr<const GroupMetadata> group_metadata() override;
  Status close() override;

  const std::string& group() const { return options_.group; }
  // Read with the broker's mutex held.
  const std::string& member_id() const { return member_id_; }

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Held {
    int32_t source;
    MemoryPartition* partition;
    bool log_append_time;
    int64_t position;
    bool paused = false;
  };
  struct ProbeAnswer {
    int32_t source;
    int64_t end;
    WallTime asked_at;
  };

  MemoryGroup::Standing standing();
  Status fenced_status() const;
  Status give_in_or_join_anew(Lock& lock);
  Status follow_group(Lock& lock);
  void lose_all(Lock& lock);
  void revoke_all(Lock& lock);
  // A transaction with offsets of one of these is open: what is committed cannot be said yet.
  bool in_doubt(const std::vector<TopicPartition>& partitions) const;
  // Calls on_assigned for `partitions` and starts reading where it says.
  Status take(Lock& lock, const std::vector<TopicPartition>& partitions);
  Status start_at(const std::vector<Assignment>& assigned, const std::vector<StartPosition>& starts);
  // Reports lost ranges and moves positions past gaps.
  void settle_positions(Lock& lock);
  void answer_probes(Lock& lock);
  void fetch(RecordBatch& batch);
  void fetch_from(Held& held, RecordBatch& batch, size_t& bytes) const;

  void add_known_sources();
  int32_t source_of(const TopicPartition& partition);
  std::vector<int32_t> held_sources() const;
  void set_paused(int32_t source, bool paused);
  Held* find_held(int32_t source);
  const TopicPartition& partition_of(int32_t source) const { return sources_[static_cast<size_t>(source)]; }

  MemoryBroker& broker_;
  const MemoryConsumerOptions options_;
  ConsumerListener& listener_;
  MemoryGroup& group_;
  std::string member_id_;
  int64_t generation_ = -1;
  bool took_name_back_ = false;
  bool fenced_ = false;
  bool closed_ = false;
  bool left_ = false;  // the end of close()
  std::vector<TopicPartition> sources_;
  std::vector<Held> held_;
  size_t turn_ = 0;  // whose turn it is to be read first
  std::vector<ProbeAnswer> probe_answers_;
};

}  // namespace tocsin::log
