// KafkaConsumer's first phase: from a rebalance, a rewind or a lost range to reading.

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>

#include "engine/base/check.h"
#include "engine/kafka/consumer.h"
#include "engine/kafka/deadline.h"
#include "engine/kafka/errors.h"
#include "engine/kafka/list_offsets.h"
#include "engine/kafka/start_positions.h"

namespace tocsin::kafka {
namespace {

constexpr int kAskTimeoutMs = 1'000;  // of one try within poll(); the next poll goes on
constexpr Duration kStartTimeout{2'000};
constexpr std::chrono::milliseconds kRetryPause{20};  // librdkafka refuses at once while it knows no coordinator

// Marks the time in which the listener is called: it may ask the consumer for positions, but not drive it.
class ListenerScope {
 public:
  explicit ListenerScope(bool& flag) : flag_(flag) { flag_ = true; }
  ~ListenerScope() { flag_ = false; }
  ListenerScope(const ListenerScope&) = delete;
  ListenerScope& operator=(const ListenerScope&) = delete;

 private:
  bool& flag_;
};

}  // namespace

Status KafkaConsumer::act() {
  if (!fenced_.ok()) return fenced_;
  act_on_rebalances();
  TOCSIN_RETURN_IF_ERROR(check_alive());
  look_for_brokers();
  if (pending_.has_value()) TOCSIN_RETURN_IF_ERROR(advance_pending(kAskTimeoutMs));
  if (!broken_.ok()) return broken_;
  TOCSIN_RETURN_IF_ERROR(restore_ranges());
  answer_probes();
  return {};
}

void KafkaConsumer::act_on_rebalances() {
  ClientEvents& events = client_->events();
  while (!events.rebalances.empty()) {
    const RebalanceEvent event = std::move(events.rebalances.front());
    events.rebalances.pop_front();
    act_on_rebalance(event);
  }
}

void KafkaConsumer::act_on_rebalance(const RebalanceEvent& event) {
  // A revocation that began in good order may have turned into a loss while it waited for us.
  give_up(event.lost || rd_kafka_assignment_lost(client_->get()) != 0);
  pending_.reset();
  broken_ = Status();
  probes_.reset();
  if (!event.assign) {
    rd_kafka_assign(client_->get(), nullptr);
    return;
  }
  if (first_member_id_.empty() && !first_session_.passed()) first_member_id_ = client_->member_id();
  Pending pending;
  for (int i = 0; i < event.partitions->cnt; ++i) {
    const rd_kafka_topic_partition_t& given = event.partitions->elems[i];
    pending.sources.push_back(source_of(given.topic, given.partition));
    slot(pending.sources.back()) = Slot();
  }
  pending_ = std::move(pending);
}

void KafkaConsumer::give_up(bool lost) {
  std::vector<int32_t> held = assigned_;
  if (pending_.has_value() && pending_->wanted.has_value()) held = pending_->sources;
  if (!held.empty()) {
    const ListenerScope scope(in_listener_);
    lost ? listener_.on_lost(held) : listener_.on_revoked(held);
  }
  for (const int32_t source : assigned_) {
    slot(source).start = position(source);
    slot(source).reading = false;
  }
  assigned_.clear();
}

Status KafkaConsumer::advance_pending(int timeout_ms) {
  Pending& pending = *pending_;
  const std::vector<log::TopicPartition> partitions = partitions_of(pending.sources);
  if (!pending.committed.has_value()) {
    Result<std::vector<std::optional<log::CommittedOffset>>> committed = fetch_committed(*client_, partitions, timeout_ms);
    if (!committed.ok()) return committed.status();
    pending.committed.emplace();
    for (size_t i = 0; i < pending.sources.size(); ++i) pending.committed->push_back({pending.sources[i], std::move((*committed)[i])});
  }
  if (!pending.wanted.has_value() && !pending.sources.empty()) {
    const ListenerScope scope(in_listener_);
    Result<std::vector<log::StartPosition>> wanted = listener_.on_assigned(*pending.committed);
    if (!wanted.ok()) {
      // Meanwhile they may have been somebody else's, who has committed more.
      pending.committed.reset();
      return wanted.status();
    }
    TOCSIN_CHECK(wanted->size() == pending.sources.size(), "on_assigned() has to give a start for each partition");
    pending.wanted = std::move(*wanted);
    // If the questions below find no answer, the listener works on with position(): that must not be the one of before a rewind.
    for (size_t i = 0; i < pending.sources.size(); ++i) {
      const log::StartPosition& start = (*pending.wanted)[i];
      slot(pending.sources[i]).start = start.kind == log::StartPosition::Kind::kOffset ? start.value : 0;
    }
  }
  if (!pending.sources.empty()) {
    const Result<std::vector<int64_t>> offsets = resolve_positions(*client_, partitions, *pending.wanted, timeout_ms);
    if (!offsets.ok()) return offsets.status();
    for (size_t i = 0; i < pending.sources.size(); ++i) slot(pending.sources[i]).start = (*offsets)[i];
  }
  assigned_ = std::move(pending.sources);
  pending_.reset();
  return read_on();
}

Status KafkaConsumer::read_on() {
  const PartitionListHandle list = make_partition_list(assigned_.size());
  const PartitionListHandle paused = make_partition_list(assigned_.size());
  const PartitionListHandle flowing = make_partition_list(assigned_.size());
  for (const int32_t source : assigned_) {
    slot(source).start = position(source);
    slot(source).reading = false;
    const log::TopicPartition& name = at(source);
    rd_kafka_topic_partition_list_add(list.get(), name.topic.c_str(), name.partition)->offset = slot(source).start;
    rd_kafka_topic_partition_list_add(slot(source).paused ? paused.get() : flowing.get(), name.topic.c_str(), name.partition);
  }
  const rd_kafka_resp_err_t code = rd_kafka_assign(client_->get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const Status status = to_status(code, fmt::format("starting to read {} partitions", assigned_.size()));
    return unavailable(status.message());  // restore_ranges() tries again
  }
  TOCSIN_RETURN_IF_ERROR(await_started());
  // librdkafka remembers a pause over a new assignment, so both have to be said.
  if (paused->cnt > 0) rd_kafka_pause_partitions(client_->get(), paused.get());
  if (flowing->cnt > 0) rd_kafka_resume_partitions(client_->get(), flowing.get());
  for (const int32_t source : assigned_) {
    slot(source).reading = true;
    slot(source).out_of_range = false;
  }
  return {};
}

Status KafkaConsumer::await_started() const {
  // rd_kafka_assign() returns before the partitions have started anew; until then rd_kafka_position() answers with the position of
  // before, which could not be told from that of a record just read. They start without asking a broker, within milliseconds.
  const PartitionListHandle list = make_partition_list(assigned_.size());
  for (const int32_t source : assigned_) rd_kafka_topic_partition_list_add(list.get(), at(source).topic.c_str(), at(source).partition);
  const Deadline deadline = Deadline::in(kStartTimeout);
  for (;;) {
    rd_kafka_position(client_->get(), list.get());
    int waiting = 0;
    for (int i = 0; i < list->cnt; ++i) waiting += list->elems[i].offset >= 0 ? 1 : 0;
    if (waiting == 0) return {};
    if (deadline.passed()) return unavailable(fmt::format("{} partitions do not start to be read; trying again", waiting));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Status KafkaConsumer::restore_ranges() {
  std::vector<int32_t> out_of_range;
  bool all_reading = true;
  for (const int32_t source : assigned_) {
    if (slot(source).out_of_range) out_of_range.push_back(source);
    if (!slot(source).reading) all_reading = false;
  }
  if (out_of_range.empty()) return all_reading ? Status() : read_on();
  std::vector<OffsetQuestion> begins;
  std::vector<OffsetQuestion> ends;
  for (const int32_t source : out_of_range) {
    begins.push_back({.partition = at(source), .spec = OffsetQuestion::kEarliest});
    ends.push_back({.partition = at(source), .spec = OffsetQuestion::kLatest});
  }
  const Result<std::vector<int64_t>> lows = list_offsets(*client_, begins, Isolation::kUncommitted, kAskTimeoutMs);
  if (!lows.ok()) return lows.status();
  const Result<std::vector<int64_t>> highs = list_offsets(*client_, ends, Isolation::kUncommitted, kAskTimeoutMs);
  if (!highs.ok()) return highs.status();
  for (size_t i = 0; i < out_of_range.size(); ++i) {
    if (Status status = settle_range(out_of_range[i], (*lows)[i], (*highs)[i]); !status.ok()) {
      stop_reading();
      broken_ = std::move(status);
      return broken_;
    }
  }
  return read_on();
}

Status KafkaConsumer::settle_range(int32_t source, int64_t low, int64_t high) {
  const int64_t from = position(source);
  if (from > high) {
    return data_loss(
        fmt::format("{}/{}: the position {} lies beyond the end of the log, {}: the topic was made anew or lost records; "
                    "bring the topic back, or start over with another `app` name",
                    at(source).topic, at(source).partition, from, high));
  }
  slot(source).out_of_range = false;
  if (from >= low) return {};  // it was a broker's passing mood: read on where we were
  slot(source).reading = false;
  slot(source).start = low;
  const ListenerScope scope(in_listener_);
  listener_.on_range_lost(source, from, low);
  return {};
}

void KafkaConsumer::stop_reading() {
  for (const int32_t source : assigned_) {
    slot(source).start = position(source);
    slot(source).reading = false;
  }
  const PartitionListHandle none = make_partition_list(1);  // empty: we stay in the group; without a list we would leave and join
  rd_kafka_assign(client_->get(), none.get());
}

Status KafkaConsumer::check_alive() {
  Status fatal = client_->fatal_error();
  if (fatal.ok()) return fatal;
  give_up(/*lost=*/true);
  pending_.reset();
  broken_ = Status();
  const std::string id = client_->member_id();
  const bool taken = !id.empty() && id == first_member_id_;
  if (fatal.code() == StatusCode::kFenced && !(taken && replaced_)) return start_anew();
  fenced_ = std::move(fatal);
  return fenced_;
}

Status KafkaConsumer::start_anew() {
  Result<std::shared_ptr<Client>> client = make_client(options_);
  if (!client.ok()) return unavailable(client.status().message());
  for (Slot& slot : slots_) slot = Slot{.start = slot.start};
  // What belongs to the old client goes before it.
  probes_ = EndProbes(*client, options_.clock);
  queue_.reset();
  topics_.clear();
  client_ = std::move(*client);
  first_session_ = Deadline::in(client_->session_timeout());
  first_member_id_.clear();
  replaced_ = true;
  TOCSIN_RETURN_IF_ERROR(subscribe());
  return unavailable(
      fmt::format("group '{}' no longer takes member '{}' for the one of that name; joining anew", options_.group, options_.member));
}

void KafkaConsumer::look_for_brokers() {
  if (!assigned_.empty()) {
    look_interval_ = kLookFirst;
    look_ = Deadline::in(look_interval_);
  }
  if (!look_.passed()) return;
  kafka::look_for_brokers(client_->get());
  look_interval_ = std::min(look_interval_ * 2, kLookMax);
  look_ = Deadline::in(look_interval_);
}

void KafkaConsumer::answer_probes() {
  for (const EndProbes::Answer& answer : probes_.take()) {
    const int32_t source = source_of(answer.partition.topic, answer.partition.partition);
    if (!slot(source).reading) continue;
    const ListenerScope scope(in_listener_);
    listener_.on_end(source, answer.end, answer.asked_at);
  }
  probes_.send(sources_);
}

Status KafkaConsumer::rewind() {
  TOCSIN_CHECK(!in_listener_ && !closed_, "rewind() from within the listener, or after close()");
  if (!fenced_.ok()) return fenced_;
  std::vector<int32_t> sources = pending_.has_value() ? pending_->sources : assigned_;
  if (!assigned_.empty()) stop_reading();
  give_up(/*lost=*/true);
  for (const int32_t source : sources) slot(source) = Slot{.start = slot(source).start};
  if (!sources.empty()) pending_ = Pending{.sources = std::move(sources), .committed = {}, .wanted = {}};
  broken_ = Status();
  probes_.reset();
  act_on_rebalances();
  const Deadline deadline = Deadline::in(options_.rewind_timeout);
  Status status;
  while (pending_.has_value()) {
    TOCSIN_RETURN_IF_ERROR(check_alive());
    status = waiting_for_topic(advance_pending(deadline.remaining_ms(kAskTimeoutMs)));
    if (status.ok() || status.code() != StatusCode::kUnavailable || deadline.passed()) break;
    std::this_thread::sleep_for(kRetryPause);
  }
  return status;
}

}  // namespace tocsin::kafka
