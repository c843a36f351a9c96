#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/log/memory_log.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/input.h"
#include "tests/simulation/process.h"
#include "tests/simulation/trace.h"

namespace tocsin::simulation {

inline constexpr const char* kInput = "in";
inline constexpr const char* kPartials = "partials";
inline constexpr const char* kChangelog = "changelog";
inline constexpr const char* kAlerts = "alerts";
inline constexpr const char* kDeadLetters = "dead-letters";
inline constexpr const char* kApplication = "application";  // transactional id of who writes the input

// Everything that there is in a schedule: the log, machines with a disk each, the processes that run on them, and the applications that
// write telemetry. It does what it is told, and chooses nothing: schedule.h does.
//
// Thread:     confined.
// Lifetime:   less than the fate's and the input's.
// Invariants: (1) of one name at most two processes live, on two disks.
// Failure:    violation(): a process ended with an error that no fault explains.
class World {
 public:
  // A machine that runs processes of one name.
  struct Instance {
    std::string name;
    size_t aggregates = 1;
    size_t evaluates = 1;
    int64_t clock_ahead_ms = 0;
    std::array<Disk, 2> disks;  // the second one for a second process of its name
  };
  struct Life {
    std::unique_ptr<Process> process;
    Instance* instance;
    size_t disk;
    uint64_t restores = 0;  // of which the result has been looked at
  };

  World(const Engine& engine, const Input& input, Fate& fate, Coverage& coverage, const Trace& trace);

  log::MemoryLog& log() { return log_; }
  const Engine& engine() const { return engine_; }
  int32_t input_partitions() const { return input_partitions_; }
  int64_t now_ms() const { return now_ms_; }
  void pass(int64_t ms) { now_ms_ += ms; }
  std::deque<Instance>& instances() { return instances_; }
  std::vector<Life*> lives() const;
  // Live processes of this instance.
  size_t lives_of(const Instance& instance) const;

  // Sets the wall clock of a machine.
  void set_clock(Instance& instance, int64_t ahead_ms);
  bool clocks_jumped() const { return clocks_jumped_; }

  void add_instance(size_t aggregates, size_t evaluates);
  // One more process of this name, on a disk that no other one uses.
  void start(Instance& instance);
  void step(Life& life, size_t worker);
  // As kill -9: if a step of it waits, at that await point. `crash` is counted.
  void kill(Life& life, std::optional<Event> crash);
  // In good order. Not while a step of it waits.
  void stop(Life& life);

  // The applications' next step; false if there is none, or none yet.
  bool feed();
  bool all_fed() const { return next_ == input_.steps.size() && !foreign_; }
  bool foreign_open() const { return foreign_ != nullptr; }
  void end_foreign();

  // Transactions that dead processes and lost answers left behind.
  void leave_behind(std::unique_ptr<log::StagedProducer> producer, bool end_sent);
  size_t left_behind() const { return left_behind_.size(); }
  // The end of one of them arrives at the broker; one that was never sent: the transaction times out.
  void end_left_behind(size_t index);
  // The transaction of this worker has been open for too long, if it is.
  void time_out(Life& life, size_t worker);
  // Half a day goes by, or more than one.
  void pass_half_a_day();
  void pass_a_day();
  void compact();
  bool compacted() const { return compacted_; }

  // What the group had committed when the applications wrote last but one.
  std::optional<log::CommittedOffset> committed_before(const std::string& group, const log::TopicPartition& partition) const;
  // A worker has been told of that, and had no means to know better: what comes of it is a log as it has to be, or none any more.
  void mislead();
  bool misled() const { return misled_; }
  // Event times at which applications began transactions: what they wrote then could be read only later.
  const std::set<int64_t>& foreign_begun_ms() const { return foreign_begun_ms_; }
  // Somebody deletes all records that the changelog has.
  void lose_changelog();
  // A partition of it loses its end, or all that it ever had: replicas that lacked it, or a topic made anew.
  void shorten_changelog(int32_t partition, int64_t end);
  bool changelog_lost() const { return changelog_lost_; }
  // Of all workers that there have been.
  const std::set<std::string>& worker_names() const { return worker_names_; }

  // What is not read, and by whom it would be.
  std::string standing();
  // Everything written has been read, evaluated and committed.
  bool drained();
  const std::optional<std::string>& violation() const { return violation_; }
  // Nothing more will happen: there is a violation, or a process has stopped for good because it was misled.
  bool over() const { return violation_.has_value() || stopped_; }
  bool stopped() const { return stopped_; }
  void stop_for_good() { stopped_ = true; }
  void violate(std::string what);

 private:
  void stand_still(int64_t ms);
  void remove(Life& life);
  void ended(Life& life, const Status& status);
  bool explains(Life& life, const Status& status);
  bool taken_up_everywhere();
  bool all_read();
  void note_committed();
  bool read_to_end(const std::string& group, const std::string& topic, int32_t partitions);

  const Engine& engine_;
  const Input& input_;
  Fate& fate_;
  Coverage& coverage_;
  const Trace& trace_;
  int64_t now_ms_ = kBaseMs;
  int64_t day_ = 0;
  log::MemoryLog log_;
  std::unique_ptr<log::PartitionReader> reader_;
  int32_t input_partitions_;
  std::deque<Instance> instances_;
  size_t next_ = 0;                               // step of the input
  std::unique_ptr<log::StagedProducer> foreign_;  // with an open transaction
  bool foreign_commits_ = false;
  std::optional<int32_t> awaited_;  // an added partition that nobody has taken up yet
  struct LeftBehind {
    std::unique_ptr<log::StagedProducer> producer;
    bool end_sent;
  };
  std::vector<LeftBehind> left_behind_;
  bool compacted_ = false;
  bool clocks_jumped_ = false;
  bool misled_ = false;
  bool changelog_lost_ = false;
  bool stopped_ = false;
  using Committed = std::map<std::pair<std::string, log::TopicPartition>, std::optional<log::CommittedOffset>>;
  Committed committed_now_;
  Committed committed_before_;
  std::set<int64_t> foreign_begun_ms_;
  std::set<std::string> worker_names_;
  std::optional<std::string> violation_;
  std::vector<std::unique_ptr<Life>> lives_;  // go first: what they have open is left behind
};

}  // namespace tocsin::simulation
