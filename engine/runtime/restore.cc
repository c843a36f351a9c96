#include "engine/runtime/restore.h"

#include <fmt/format.h>

#include "engine/base/test_switches.h"
#include "operators/format.h"
#include "operators/keys.h"
#include "state/changelog.h"

namespace tocsin {
namespace {

std::optional<ChangelogPosition> decode_changelog_position(std::string_view value) {
  state::KeyReader reader(value);
  ChangelogPosition position;
  position.offset = reader.i64();
  position.written_at.ms = reader.i64();
  if (!reader.complete()) return std::nullopt;
  return position;
}

Status write_under(const StoreLease& lease, const state::WriteBatch& batch) {
  const Result<bool> written = lease.write(batch);
  if (!written.ok()) return written.status();
  if (!*written) return unavailable(fmt::format("partition {} has moved to another worker of this process", lease.partition()));
  return {};
}

// Writes changelog records to the store in batches, each with the position after it.
class ChangelogWriter : public log::PartitionReader::Visitor {
 public:
  // `as_of`: when the store last had all that the changelog said. That stays so until the end is reached: tombstones still ahead may be
  // removed `tombstones_kept` after it, and whoever goes on from the middle, after a crash, would keep what they delete.
  ChangelogWriter(const StoreLease& lease, WallTime as_of, size_t batch_bytes) : lease_(lease), as_of_(as_of), batch_bytes_(batch_bytes) {}

  Status record(const log::Record& record) override {
    TOCSIN_RETURN_IF_ERROR(check_changelog_record(record.key, record.value, static_cast<uint32_t>(lease_.partition()), record.offset));
    if (test_switches::defect("tombstones_ignored") && !record.has_value) return {};
    Result<state::WriteBatch::Operation> operation =
        state::decode({record.key, record.has_value ? std::optional(record.value) : std::nullopt});
    if (!operation.ok()) return operation.status();
    bytes_ += record.key.size() + record.value.size();
    batch_.operations.push_back(std::move(*operation));
    ++records_;
    return bytes_ >= batch_bytes_ ? write({record.offset + 1, as_of_}) : Status();
  }

  Status write(const ChangelogPosition& position) {
    batch_.put(changelog_position_key(static_cast<uint32_t>(lease_.partition())), encode_changelog_position(position));
    TOCSIN_RETURN_IF_ERROR(write_under(lease_, batch_));
    test_switches::failpoint("restore_batch");
    batch_.operations.clear();
    bytes_ = 0;
    return {};
  }

  int64_t records() const { return records_; }

 private:
  const StoreLease& lease_;
  const WallTime as_of_;
  const size_t batch_bytes_;
  state::WriteBatch batch_;
  size_t bytes_ = 0;
  int64_t records_ = 0;
};

Status empty_partition(const StoreLease& lease) {
  state::WriteBatch batch;
  const std::string from = state::KeyWriter().u32(static_cast<uint32_t>(lease.partition())).take();
  batch.remove_range(from, state::prefix_end(from));
  return write_under(lease, batch);
}

}  // namespace

std::string changelog_position_key(uint32_t partition) { return keys::of(partition, 'c').take(); }

std::string encode_changelog_position(const ChangelogPosition& position) {
  return state::KeyWriter().i64(position.offset).i64(position.written_at.ms).take();
}

Result<RestoreReport> catch_up(const log::TopicPartition& changelog, log::PartitionReader& reader, const state::Store& store,
                               const StoreLease& lease, WallTime now, const RestoreOptions& options) {
  const auto partition = static_cast<uint32_t>(changelog.partition);
  const auto bounds = reader.bounds(changelog);
  if (!bounds.ok()) return bounds.status();
  RestoreReport report{bounds->first, bounds->second, 0, false};
  const auto stored = store.get(changelog_position_key(partition));
  if (!stored.ok()) return stored.status();
  const std::optional<ChangelogPosition> position = stored->has_value() ? decode_changelog_position(**stored) : std::nullopt;
  const bool young = position && (now - position->written_at < options.tombstones_kept || test_switches::defect("old_store_kept"));
  const bool usable = young && position->offset >= report.changelog_begin && position->offset <= report.changelog_end;
  int64_t from = report.changelog_begin;
  if (usable) {
    from = test_switches::defect("changelog_not_caught_up") ? report.changelog_end : position->offset;
  } else {
    if (report.changelog_begin > 0) {
      return data_loss(fmt::format(
          "the records of {}-{} before offset {} have been deleted, and the state directory does not have what they said. Compaction never "
          "does that: somebody deleted them, or cleanup.policy was not `compact`. Restore the topic or the state directory; or start over "
          "with another `app` name",
          changelog.topic, changelog.partition, report.changelog_begin));
    }
    report.rebuilt = true;
    if (!test_switches::defect("rebuilt_over_old_rows")) TOCSIN_RETURN_IF_ERROR(empty_partition(lease));
    test_switches::failpoint("restore_emptied");
  }
  ChangelogWriter writer(lease, usable && !test_switches::defect("restore_makes_store_young") ? position->written_at : now,
                         options.batch_bytes);
  if (from < report.changelog_end) TOCSIN_RETURN_IF_ERROR(reader.read(changelog, from, report.changelog_end, writer));
  TOCSIN_RETURN_IF_ERROR(writer.write({report.changelog_end, now}));
  report.records_read = writer.records();
  return report;
}

}  // namespace tocsin
