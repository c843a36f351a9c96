#pragma once

// The engine's own topics (SPEC 6.1): what they are called and how they have to be. `tocsin topics` makes and checks them;
// `tocsin run` refuses to start on topics that would lose or reorder what it writes.
//
// Thread: plain values, pure functions.

#include <string>
#include <vector>

#include "engine/config/config.h"
#include "engine/kafka/kafka.h"

namespace tocsin::config {

// Names of our own topics: `app`, a dot, and what they are for.
struct TopicNames {
  explicit TopicNames(const std::string& app);

  std::string partials;      // stage 1 to stage 2: frames of pre-aggregated rows, by hash of the group
  std::string changelog;     // compacted: what stage 2 restores its state from; partition p belongs to partials partition p
  std::string alerts;        // the alert events, by fingerprint
  std::string signals;       // status for people and dashboards
  std::string control;       // compacted, one partition, so that all instances see rules and acknowledgements in one order
  std::string dead_letters;  // messages and events that could not be used
  std::string alert_states;  // compacted: the last alert event of each instance that is not resolved
};

// Our own topics as the configuration wants them, in the order of TopicNames. `control` has one partition, all others `topics.partitions`:
// partials and changelog because they must match, the rest because they carry what those partitions produce.
std::vector<kafka::TopicSpec> own_topics(const Config& config);

// What is wrong with our own topics, one line a finding: what, and what to do. Checked are existence, timestamp type and cleanup
// policy, that changelog and partials have equally many partitions, and that control has one. Settings that only cost space or speed
// are left to their owner, and so is a number of partitions other than the configured one: it is fixed when a topic is made.
// `found` describes (at least) topic_names().
std::vector<std::string> check_own_topics(const Config& config, const std::vector<kafka::TopicDescription>& found);

// One line for each input topic that does not exist. They belong to the applications that write them; we never make them.
std::vector<std::string> check_input_topics(const Config& config, const std::vector<kafka::TopicDescription>& found);

// All topics that the checks look at: the input topics, then our own.
std::vector<std::string> topic_names(const Config& config);

}  // namespace tocsin::config
