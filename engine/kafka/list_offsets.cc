#include "engine/kafka/list_offsets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <thread>

#include "engine/kafka/deadline.h"
#include "engine/kafka/errors.h"

namespace tocsin::kafka {

Status ask_offsets(const Client& client, const std::vector<OffsetQuestion>& questions, Isolation isolation, int timeout_ms,
                   rd_kafka_queue_t* queue, void* opaque) {
  const AdminOptionsHandle options(rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_LISTOFFSETS));
  std::array<char, 256> text{};
  const rd_kafka_resp_err_t code =
      rd_kafka_AdminOptions_set_request_timeout(options.get(), std::max(timeout_ms, 1), text.data(), text.size());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return to_status(code, "asking for offsets", text.data());
  const ErrorHandle error(rd_kafka_AdminOptions_set_isolation_level(options.get(), isolation == Isolation::kCommitted
                                                                                       ? RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
                                                                                       : RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED));
  if (error != nullptr) return to_status(rd_kafka_error_code(error.get()), "asking for offsets", rd_kafka_error_string(error.get()));
  rd_kafka_AdminOptions_set_opaque(options.get(), opaque);
  const PartitionListHandle list = make_partition_list(questions.size());
  for (const OffsetQuestion& question : questions) {
    rd_kafka_topic_partition_list_add(list.get(), question.partition.topic.c_str(), question.partition.partition)->offset = question.spec;
  }
  rd_kafka_ListOffsets(client.get(), list.get(), options.get(), queue);
  return {};
}

Result<std::vector<OffsetAnswer>> answers_of(rd_kafka_event_t* event) {
  if (const rd_kafka_resp_err_t code = rd_kafka_event_error(event); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return to_status(code, "asking for offsets", rd_kafka_event_error_string(event));
  }
  const rd_kafka_ListOffsets_result_t* result = rd_kafka_event_ListOffsets_result(event);
  if (result == nullptr) return internal_error("asking for offsets: librdkafka answered something else");
  size_t count = 0;
  const rd_kafka_ListOffsetsResultInfo_t** infos = rd_kafka_ListOffsets_result_infos(result, &count);
  std::vector<OffsetAnswer> answers;
  answers.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_topic_partition_t* found = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
    answers.push_back({.partition = {found->topic, found->partition}, .offset = found->offset, .error = found->err});
  }
  return answers;
}

namespace {

constexpr std::chrono::milliseconds kRetryPause{20};

// What a broker says to a client that remembers another leader, or an earlier term of it, as after the broker's restart.
bool leader_outdated(const OffsetAnswer& answer) {
  switch (answer.error) {
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: return true;
    default: return false;
  }
}

// librdkafka does this by itself for fetches, but not for these questions: without it they would be refused until the
// next regular refresh, up to topic.metadata.refresh.interval.ms.
void learn_leaders(const Client& client, const std::vector<OffsetAnswer>& answers, Deadline deadline) {
  std::set<std::string> topics;
  for (const OffsetAnswer& answer : answers) {
    if (leader_outdated(answer)) topics.insert(answer.partition.topic);
  }
  for (const std::string& name : topics) {
    const Result<TopicHandle> topic = open_topic(client, name);
    // If that fails, too, the next try says so.
    if (topic.ok()) (void)fetch_metadata(client, topic->get(), std::max(deadline.remaining_ms(), 1));
  }
}

std::vector<OffsetAnswer> without_leaders(const std::vector<OffsetQuestion>& questions) {
  std::vector<OffsetAnswer> answers;
  answers.reserve(questions.size());
  for (const OffsetQuestion& question : questions) {
    answers.push_back({.partition = question.partition, .error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE});
  }
  return answers;
}

Result<std::vector<OffsetAnswer>> ask_and_wait(const Client& client, const std::vector<OffsetQuestion>& questions, Isolation isolation,
                                               int timeout_ms) {
  const QueueHandle queue(rd_kafka_queue_new(client.get()));
  TOCSIN_RETURN_IF_ERROR(ask_offsets(client, questions, isolation, timeout_ms, queue.get(), nullptr));
  // The request has its own time-out, after which an event with that error comes; the second more is for the way.
  const EventHandle event(rd_kafka_queue_poll(queue.get(), timeout_ms + 1'000));
  if (event == nullptr) return unavailable("asking for offsets: no answer in time");
  // It remembers these partitions as they were while none of them had a leader, and then asks nobody.
  if (rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__NOENT) return without_leaders(questions);
  return answers_of(event.get());
}

Result<std::vector<int64_t>> in_order(const std::vector<OffsetQuestion>& questions, const std::vector<OffsetAnswer>& answers) {
  std::vector<int64_t> offsets;
  offsets.reserve(questions.size());
  for (const OffsetQuestion& question : questions) {
    const auto found =
        std::find_if(answers.begin(), answers.end(), [&](const OffsetAnswer& answer) { return answer.partition == question.partition; });
    const std::string name = fmt::format("asking for offsets of {}/{}", question.partition.topic, question.partition.partition);
    if (found == answers.end()) return unavailable(name + ": not in the answer");
    if (found->error != RD_KAFKA_RESP_ERR_NO_ERROR) return to_status(found->error, name);
    offsets.push_back(found->offset);
  }
  return offsets;
}

}  // namespace

Result<std::vector<int64_t>> list_offsets(const Client& client, const std::vector<OffsetQuestion>& questions, Isolation isolation,
                                          int timeout_ms) {
  if (questions.empty()) return std::vector<int64_t>();
  const Deadline deadline = Deadline::in(Duration{timeout_ms});
  for (;;) {
    const Result<std::vector<OffsetAnswer>> answers = ask_and_wait(client, questions, isolation, std::max(deadline.remaining_ms(), 1));
    if (!answers.ok()) return answers.status();
    if (std::none_of(answers->begin(), answers->end(), leader_outdated) || deadline.passed()) return in_order(questions, *answers);
    learn_leaders(client, *answers, deadline);
    std::this_thread::sleep_for(kRetryPause);
  }
}

}  // namespace tocsin::kafka
