#include "tests/simulation/checks.h"

#include <algorithm>
#include <map>
#include <utility>

#include "engine/runtime/restore.h"
#include "operators/keys.h"
#include "tocsin/v1/alert.pb.h"
#include "tocsin/v1/partial.pb.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin::simulation {
namespace {

using Problem = std::optional<std::string>;

// All but what depends on the course of the run: how long it took, and what held the watermark back.
std::string line_of(v1::AlertEvent alert) {
  std::string line = fmt::format("{} {} {}", alert.fingerprint(), alert.sequence(), alert.evaluated_at());
  for (const auto& [name, value] : std::map<std::string, std::string>(alert.labels().begin(), alert.labels().end())) {
    line += fmt::format(" {}={}", name, value);
  }
  alert.clear_labels();
  alert.clear_annotations();
  alert.mutable_evidence()->clear_watermark();
  alert.mutable_evidence()->clear_slowest_partition();
  alert.mutable_evidence()->clear_detection_ms();
  return line + " " + alert.ShortDebugString();
}

struct Episodes {
  uint64_t sequence = 0;
  bool firing = false;
  std::string id;
};

Problem check_alerts(World& world) {
  std::map<std::string, Episodes> all;
  std::map<std::string, int> ids;
  for (const log::LogEntry& entry : world.log().entries({kAlerts, 0})) {
    v1::AlertEvent alert;
    if (!entry.value || !alert.ParseFromString(*entry.value)) return "an alert event cannot be read";
    Episodes& episodes = all[alert.fingerprint()];
    const std::string text = alert.ShortDebugString();
    if (alert.sequence() != ++episodes.sequence) return fmt::format("alert sequence {} was expected: {}", episodes.sequence, text);
    const bool firing = alert.state() == "firing";
    if (firing == episodes.firing) return fmt::format("an alert is {} twice: {}", alert.state(), text);
    if (firing && ++ids[alert.id()] > 1) return fmt::format("an id is used again: {}", text);
    if (!firing && alert.id() != episodes.id) return fmt::format("an episode changes its id from {}: {}", episodes.id, text);
    episodes.firing = firing;
    episodes.id = alert.id();
  }
  return std::nullopt;
}

struct Progress {
  int64_t to = 0;
  std::optional<int64_t> watermark_ms;
};

// The watermark of a partition that stands still has not passed what could be read of it then.
Problem check_idle(World& world, const v1::InputProgress& input) {
  if (!input.idle() || !input.has_watermark_ms() || world.clocks_jumped()) return std::nullopt;
  const int64_t proven_at_ms = input.watermark_ms() + AggregateOptions().max_out_of_orderness.ms;
  for (const log::LogEntry& entry : world.log().entries({kInput, input.partition()})) {
    if (entry.offset < input.to() || entry.timestamp_ms >= proven_at_ms || world.foreign_begun_ms().contains(entry.timestamp_ms)) continue;
    return fmt::format("idle up to {} with everything read up to {}, but offset {} was written {} ms before", input.watermark_ms(),
                       input.to(), entry.offset, proven_at_ms - entry.timestamp_ms);
  }
  return std::nullopt;
}

Problem check_transactional_ids(World& world) {
  std::vector<std::string> ids = world.log().transactional_ids();
  std::erase(ids, kApplication);
  if (ids.size() <= world.worker_names().size()) return std::nullopt;
  return fmt::format("{} workers had {} transactional ids: {}", world.worker_names().size(), ids.size(), fmt::join(ids, ", "));
}

Problem check_frames_of(World& world, int32_t partials) {
  std::map<int32_t, Progress> all;
  for (const log::LogEntry& entry : world.log().entries({kPartials, partials})) {
    v1::Frame frame;
    if (!entry.value || !frame.ParseFromString(*entry.value)) return "a frame cannot be read";
    if (frame.part() != frame.parts()) continue;
    for (const v1::InputProgress& input : frame.inputs()) {
      const auto place = [&] { return fmt::format("frame {} of partials {}, input {}", entry.offset, partials, input.partition()); };
      auto [found, first] = all.try_emplace(input.partition());
      Progress& progress = found->second;
      if (!first && input.from() != progress.to) return fmt::format("{}: from {} after {}", place(), input.from(), progress.to);
      if (input.to() < input.from()) return fmt::format("{}: from {} to {}", place(), input.from(), input.to());
      if (Problem problem = check_idle(world, input)) return place() + *problem;
      const std::optional<int64_t> now = input.has_watermark_ms() ? std::optional(input.watermark_ms()) : std::nullopt;
      if (now < progress.watermark_ms) return fmt::format("{}: the watermark falls", place());
      progress = {input.to(), now};
    }
  }
  for (int32_t partition = 0; partition < world.input_partitions(); ++partition) {
    const auto committed = world.log().committed("aggregate", {kInput, partition});
    if (committed.has_value() != all.contains(partition) || (committed && committed->offset != all[partition].to)) {
      return fmt::format("partials {}: frames of input {} end at {}, but {} is committed", partials, partition, all[partition].to,
                         committed ? committed->offset : -1);
    }
  }
  return std::nullopt;
}

using Rows = std::map<std::string, std::string>;

// The rows of a partition, without the store's own position, which is returned.
std::optional<ChangelogPosition> read_rows(const state::Store& store, uint32_t partition, Rows& rows) {
  const std::string from = state::KeyWriter().u32(partition).take();
  const std::string own = changelog_position_key(partition);
  std::optional<ChangelogPosition> position;
  for (const auto row = store.scan(from, state::prefix_end(from)); row->valid(); row->next()) {
    if (row->key() == own) {
      state::KeyReader value(row->value());
      position = {value.i64(), WallTime{value.i64()}};
    } else {
      rows.emplace(row->key(), row->value());
    }
  }
  return position;
}

Rows replay(const std::vector<log::LogEntry>& changelog, int64_t to) {
  Rows rows;
  for (const log::LogEntry& entry : changelog) {
    if (entry.offset >= to) break;
    if (entry.value) {
      rows[entry.key] = *entry.value;
    } else {
      rows.erase(entry.key);
    }
  }
  return rows;
}

Problem check_store_of(World& world, const World::Instance& instance, size_t disk, int32_t partition) {
  if (instance.disks[disk].damaged() || world.changelog_lost()) return std::nullopt;
  const auto place = [&] { return fmt::format("disk {} of {}, partition {}", disk, instance.name, partition); };
  Rows rows;
  const std::optional<ChangelogPosition> position = read_rows(instance.disks[disk], static_cast<uint32_t>(partition), rows);
  if (!position) return rows.empty() ? Problem() : fmt::format("{}: rows without a position", place());
  const int64_t end = world.log().reader()->bounds({kChangelog, partition})->second;
  if (position->offset > end) return fmt::format("{}: at {}, ahead of the changelog, which ends at {}", place(), position->offset, end);
  // Whoever stood still for a day in the middle of a restore; the next one begins anew.
  if (WallTime{world.now_ms()} - position->written_at >= EvaluateOptions().restore.tombstones_kept) return std::nullopt;
  // A compacted changelog no longer says what was true before its end.
  if (world.compacted() && position->offset < end) return std::nullopt;
  if (rows == replay(world.log().entries({kChangelog, partition}), position->offset)) return std::nullopt;
  return fmt::format("{}: not what the changelog says up to {}", place(), position->offset);
}

Problem check_position_of(World& world, int32_t partition) {
  if (world.changelog_lost()) return std::nullopt;
  const auto committed = world.log().committed("evaluate", {kPartials, partition});
  Rows rows = replay(world.log().entries({kChangelog, partition}), INT64_MAX);
  const auto stored = rows.find(keys::position(static_cast<uint32_t>(partition)));
  if (stored == rows.end()) return committed ? Problem(fmt::format("partials {}: an offset without a position row", partition)) : Problem();
  v1::PositionRow row;
  if (!row.ParseFromString(stored->second)) return "a position row cannot be read";
  if (committed && committed->offset == row.next_offset()) return std::nullopt;
  return fmt::format("partials {}: the position row says {}, committed is {}", partition, row.next_offset(),
                     committed ? committed->offset : -1);
}

std::string first_difference(const std::vector<std::string>& actual, const std::vector<std::string>& expected, const char* what) {
  const auto [a, e] = std::mismatch(actual.begin(), actual.end(), expected.begin(), expected.end());
  if (a == actual.end() && e == expected.end()) return {};
  return fmt::format("{}: {} instead of {}; the first that differs is\n    {}\n  instead of\n    {}\n", what, actual.size(),
                     expected.size(), a == actual.end() ? "none" : *a, e == expected.end() ? "none" : *e);
}

}  // namespace

Published published(World& world) {
  Published result;
  for (const log::LogEntry& entry : world.log().entries({kAlerts, 0})) {
    v1::AlertEvent alert;
    if (entry.value && alert.ParseFromString(*entry.value)) result.alerts.push_back(line_of(std::move(alert)));
  }
  for (const log::LogEntry& entry : world.log().entries({kDeadLetters, 0})) {
    std::string line = entry.key + " " + entry.value.value_or("(none)");
    for (const log::Header& header : entry.headers) line += fmt::format(" {}={}", header.name, header.value);
    result.dead_letters.push_back(std::move(line));
  }
  std::sort(result.alerts.begin(), result.alerts.end());
  std::sort(result.dead_letters.begin(), result.dead_letters.end());
  return result;
}

std::string difference(const Published& actual, const Published& expected) {
  return first_difference(actual.alerts, expected.alerts, "alert events") +
         first_difference(actual.dead_letters, expected.dead_letters, "dead letters");
}

std::string difference_of_misled(const Published& actual, const Published& expected, bool stopped) {
  // Sequences are without gaps, so alert events that have to be there at some time are the first ones.
  const bool right = stopped ? std::includes(expected.alerts.begin(), expected.alerts.end(), actual.alerts.begin(), actual.alerts.end())
                             : actual.alerts == expected.alerts;
  return right ? std::string() : first_difference(actual.alerts, expected.alerts, stopped ? "stopped, alert events" : "alert events");
}

std::optional<std::string> broken_invariant(World& world) {
  if (Problem problem = check_alerts(world)) return problem;
  if (Problem problem = check_transactional_ids(world)) return problem;
  for (int32_t partition = 0; partition < world.engine().partials; ++partition) {
    // Who was misled reads again.
    if (Problem problem = world.misled() ? Problem() : check_frames_of(world, partition)) return problem;
    if (Problem problem = check_position_of(world, partition)) return problem;
  }
  for (const World::Instance& instance : world.instances()) {
    for (size_t disk = 0; disk < instance.disks.size(); ++disk) {
      if (Problem problem = broken_store(world, instance, disk)) return problem;
    }
  }
  return std::nullopt;
}

std::optional<std::string> broken_store(World& world, const World::Instance& instance, size_t disk) {
  for (int32_t partition = 0; partition < world.engine().partials; ++partition) {
    if (Problem problem = check_store_of(world, instance, disk, partition)) return problem;
  }
  return std::nullopt;
}

}  // namespace tocsin::simulation
