#include "operators/format.h"

#include <fmt/format.h>

#include "operators/keys.h"
#include "tocsin/v1/state.pb.h"

namespace tocsin {
namespace {

constexpr std::string_view kKinds = "gpeiz";  // operators/keys.h

}  // namespace

Status check_state_format(uint32_t format, uint32_t partition) {
  if (format <= state_format()) return {};
  return data_loss(fmt::format(
      "the state of partials partition {} has format {}, and this version of Tocsin reads up to {}: a newer version has written "
      "it. Nothing was changed; start that version, or a later one, here too",
      partition, format, state_format()));
}

Status check_frame_format(uint32_t format, std::string_view worker, uint32_t partition, int64_t offset) {
  if (format <= frame_format()) return {};
  return data_loss(fmt::format(
      "the frame at offset {} of partials partition {}, of worker {}, has format {}, and this version of Tocsin reads up to {}: "
      "a newer version has written it. Nothing is lost; bring the processes with the role evaluate to that version, before those "
      "with the role aggregate",
      offset, partition, worker, format, frame_format()));
}

Status check_changelog_whole(uint32_t partition, int64_t offset, int64_t least) {
  if (offset >= least || test_switches::defect("changelog_end_not_compared")) return {};
  return data_loss(
      fmt::format("the changelog of partials partition {} is shorter than it was: the record at offset {} was written when there were {} "
                  "before it. Its topic was deleted and made anew, or has lost its end (a replica became leader that lacked it: "
                  "unclean.leader.election.enable), and with it a part of the state. Bring the topic back, or start over with another "
                  "`app` name",
                  partition, offset, least));
}

Status check_changelog_record(std::string_view key, std::string_view value, uint32_t partition, int64_t offset) {
  state::KeyReader reader(key);
  const uint32_t of = reader.u32();
  const auto kind = static_cast<char>(reader.u8());
  if (!reader.ok() || of != partition || kKinds.find(kind) == std::string_view::npos) {
    return data_loss(
        fmt::format("the changelog record at offset {} of partition {} is no row that this version of Tocsin knows: a newer version has "
                    "written it, then start that version, or a later one, here too; or something else writes to the changelog topic",
                    offset, partition));
  }
  if (kind != 'z') return {};
  v1::PositionRow row;
  if (!row.ParseFromArray(value.data(), static_cast<int>(value.size()))) return {};  // told of where it is used
  TOCSIN_RETURN_IF_ERROR(check_state_format(row.format(), partition));
  return check_changelog_whole(partition, offset, row.changelog_offset());
}

}  // namespace tocsin
