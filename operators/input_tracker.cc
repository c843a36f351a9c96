#include "operators/input_tracker.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/test_switches.h"

namespace tocsin {
namespace {

EventTime effective_watermark(const v1::InputPosition& input) {
  if (input.finished()) return EventTime::max();
  return input.has_watermark_ms() ? EventTime{input.watermark_ms()} : EventTime::min();
}

bool has_watermark(const v1::InputPosition& input) { return input.finished() || input.has_watermark_ms(); }

}  // namespace

Result<InputTracker::Novelty> InputTracker::judge(const v1::Frame& frame) const {
  bool any_new = false;
  bool any_old = false;
  for (const v1::InputProgress& progress : frame.inputs()) {
    if (progress.topic() >= static_cast<uint32_t>(frame.topics_size()))
      return data_loss(fmt::format("it is of worker {} and names an input topic that it does not list", frame.worker()));
    if (progress.from() == progress.to()) continue;
    const std::string& topic = frame.topics(static_cast<int>(progress.topic())).name();
    const auto known = inputs_.find({topic, progress.partition()});
    // `to` is -1 for a partition that has joined but whose frames have not begun.
    if (known == inputs_.end() || known->second.to() < 0 || progress.from() == known->second.to() ||
        (test_switches::defect("frame_gap_ignored") && progress.from() > known->second.to())) {
      any_new = true;
    } else if (progress.to() <= known->second.to()) {
      any_old = true;
    } else {
      return data_loss(
          fmt::format("it is of worker {} and covers offsets {} to {} of input {}-{}, but {} was expected next: the log has a {}",
                      frame.worker(), progress.from(), progress.to(), topic, progress.partition(), known->second.to(),
                      progress.from() > known->second.to() ? "gap" : "partial overlap"));
    }
  }
  if (any_new && any_old) return data_loss(fmt::format("it is of worker {}, repeats some input offsets and brings others", frame.worker()));
  return any_old && !test_switches::defect("repeated_frame_counted") ? Novelty::kDuplicate : Novelty::kNew;
}

void InputTracker::follow_topics(const v1::Frame& frame, const std::optional<EventTime>& now) {
  const auto listed = [&](const std::string& name) {
    return std::any_of(frame.topics().begin(), frame.topics().end(), [&](const v1::InputTopic& topic) { return topic.name() == name; });
  };
  std::erase_if(partition_counts_, [&](const auto& entry) { return !listed(entry.first); });
  std::erase_if(inputs_, [&](const auto& entry) { return !listed(entry.first.first); });
  for (const v1::InputTopic& topic : frame.topics()) {
    int32_t& count = partition_counts_[topic.name()];
    for (; count < topic.partitions(); ++count) {
      v1::InputPosition& joined = inputs_[{topic.name(), count}];
      joined.set_to(-1);
      if (!now) continue;
      joined.set_watermark_ms(now->ms);
      joined.set_joining(true);
    }
  }
}

Result<InputTracker::Applied> InputTracker::apply(const v1::Frame& frame) {
  const Result<Novelty> novelty = judge(frame);
  if (!novelty.ok()) return novelty.status();
  if (*novelty == Novelty::kDuplicate) return Applied{*novelty, std::nullopt};
  // Taken before anything is added: partitions that appear now join with it (SPEC 2).
  const std::optional<EventTime> now = running_ ? watermark() : std::nullopt;
  Applied applied;
  follow_topics(frame, now);
  for (const v1::InputProgress& progress : frame.inputs()) {
    v1::InputPosition& input = inputs_[{frame.topics(static_cast<int>(progress.topic())).name(), progress.partition()}];
    if (input.joining()) {
      applied.late_before = now;
      input.set_joining(!progress.has_watermark_ms() || progress.watermark_ms() < input.watermark_ms());
    }
    if (progress.from() != progress.to() || input.to() < 0) input.set_to(progress.to());
    if (progress.has_watermark_ms() && (!input.has_watermark_ms() || progress.watermark_ms() > input.watermark_ms())) {
      input.set_watermark_ms(progress.watermark_ms());
    }
    if (progress.has_first_event_ms() && !input.has_first_event_ms()) input.set_first_event_ms(progress.first_event_ms());
    if (progress.has_largest_event_ms()) input.set_largest_event_ms(progress.largest_event_ms());
    input.set_finished(progress.finished());
    input.set_idle(progress.idle());
    input.set_lost(input.lost() + progress.lost());
  }
  running_ = running_ || watermark().has_value();
  return applied;
}

bool InputTracker::complete() const {
  size_t expected = 0;
  for (const auto& [topic, count] : partition_counts_) expected += static_cast<size_t>(count);
  return expected > 0 && inputs_.size() >= expected &&
         std::all_of(inputs_.begin(), inputs_.end(), [](const auto& entry) { return has_watermark(entry.second); });
}

std::optional<EventTime> InputTracker::watermark() const {
  if (!complete()) return std::nullopt;
  EventTime least = EventTime::max();
  for (const auto& [key, input] : inputs_) least = std::min(least, effective_watermark(input));
  if (test_switches::defect("watermark_of_the_fastest")) {
    for (const auto& [key, input] : inputs_) least = std::max(least, effective_watermark(input));
  }
  return least;
}

std::optional<EventTime> InputTracker::first_event() const {
  std::optional<EventTime> least;
  for (const auto& [key, input] : inputs_) {
    if (input.has_first_event_ms()) least = std::min(least.value_or(EventTime::max()), EventTime{input.first_event_ms()});
  }
  return least;
}

std::optional<EventTime> InputTracker::end() const {
  if (!complete()) return std::nullopt;
  EventTime greatest = EventTime::min();
  for (const auto& [key, input] : inputs_) {
    if (!input.finished()) return std::nullopt;
    if (input.has_largest_event_ms()) greatest = std::max(greatest, EventTime{input.largest_event_ms()});
  }
  return greatest;
}

std::string InputTracker::slowest() const {
  const auto least = std::min_element(inputs_.begin(), inputs_.end(), [](const auto& a, const auto& b) {
    return effective_watermark(a.second) < effective_watermark(b.second);
  });
  return least == inputs_.end() ? "" : fmt::format("{}-{}", least->first.first, least->first.second);
}

void InputTracker::save(v1::PositionRow& row) const {
  for (const auto& [key, input] : inputs_) {
    v1::InputPosition& saved = *row.add_inputs();
    saved = input;
    saved.set_topic(key.first);
    saved.set_partition(key.second);
  }
}

void InputTracker::restore(const v1::PositionRow& row) {
  for (const v1::InputPosition& saved : row.inputs()) {
    inputs_[{saved.topic(), saved.partition()}] = saved;
    int32_t& count = partition_counts_[saved.topic()];
    count = std::max(count, saved.partition() + 1);
  }
  running_ = watermark().has_value();
}

}  // namespace tocsin
