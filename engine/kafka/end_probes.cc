#include "engine/kafka/end_probes.h"

#include <algorithm>
#include <utility>

namespace tocsin::kafka {
namespace {

constexpr int kTimeoutMs = 5'000;

}  // namespace

EndProbes::EndProbes(std::shared_ptr<Client> client, Clock clock)
    : client_(std::move(client)), clock_(std::move(clock)), queue_(rd_kafka_queue_new(client_->get())) {}

void EndProbes::reset() {
  wanted_.clear();
  ++epoch_;
}

void EndProbes::send(const std::vector<log::TopicPartition>& sources) {
  if (wanted_.empty()) return;
  std::vector<OffsetQuestion> questions;
  questions.reserve(wanted_.size());
  for (const int32_t source : wanted_) questions.push_back({.partition = sources[static_cast<size_t>(source)]});
  wanted_.clear();
  auto question = std::make_unique<Question>(Question{.asked_at = clock_(), .epoch = epoch_});
  if (ask_offsets(*client_, questions, Isolation::kCommitted, kTimeoutMs, queue_.get(), question.get()).ok()) {
    asked_.push_back(std::move(question));
  }
}

std::vector<EndProbes::Answer> EndProbes::take() {
  std::vector<Answer> answers;
  while (!asked_.empty()) {
    const EventHandle event(rd_kafka_queue_poll(queue_.get(), 0));
    if (event == nullptr) break;
    const void* which = rd_kafka_event_opaque(event.get());
    const auto found = std::find_if(asked_.begin(), asked_.end(), [&](const auto& question) { return question.get() == which; });
    if (found == asked_.end()) continue;
    const Question question = **found;
    asked_.erase(found);
    const Result<std::vector<OffsetAnswer>> offsets = answers_of(event.get());
    if (!offsets.ok() || question.epoch != epoch_) continue;
    for (const OffsetAnswer& offset : *offsets) {
      if (offset.error != RD_KAFKA_RESP_ERR_NO_ERROR || offset.offset < 0) continue;
      answers.push_back({.partition = offset.partition, .end = offset.offset, .asked_at = question.asked_at});
    }
  }
  return answers;
}

}  // namespace tocsin::kafka
