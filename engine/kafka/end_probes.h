#pragma once

// Questions for the readable end of partitions, and their answers, without ever blocking the reader.
//
// All questions that come up between two polls go out together, with the wall time just before sending: what the brokers answer was
// true then or later, which is what an idle proof needs (the end at t0 is our position, so nothing older than t0 is still to come).
//
// Thread:     the consumer's.
// Invariants: (1) an answer is given only if the question was asked under the present assignment; (2) a question that fails is
//             forgotten: who still wants to know asks again.

#include <memory>
#include <set>
#include <vector>

#include "engine/kafka/kafka.h"
#include "engine/kafka/list_offsets.h"

namespace tocsin::kafka {

class EndProbes {
 public:
  struct Answer {
    log::TopicPartition partition;
    int64_t end = 0;
    WallTime asked_at;
  };

  EndProbes(std::shared_ptr<Client> client, Clock clock);

  void want(int32_t source) { wanted_.insert(source); }
  // Forgets questions and answers: the assignment has changed.
  void reset();
  // Sends what is wanted.
  void send(const std::vector<log::TopicPartition>& sources);
  // What has been answered since.
  std::vector<Answer> take();

 private:
  struct Question {
    WallTime asked_at;
    int64_t epoch = 0;
  };

  std::shared_ptr<Client> client_;
  Clock clock_;
  QueueHandle queue_;
  int64_t epoch_ = 0;
  std::set<int32_t> wanted_;
  std::vector<std::unique_ptr<Question>> asked_;  // their addresses come back with the answers
};

}  // namespace tocsin::kafka
