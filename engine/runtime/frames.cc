#include "engine/runtime/frames.h"

namespace tocsin {
namespace {

// Distributes views over parts of bounded size; there is always one.
std::vector<v1::Frame> split(const v1::Frame& header, std::vector<v1::ViewRows>& views, size_t part_bytes) {
  std::vector<v1::Frame> parts(1, header);
  size_t bytes = 0;
  for (v1::ViewRows& rows : views) {
    const size_t size = rows.ByteSizeLong();
    if (bytes > 0 && bytes + size > part_bytes) {
      parts.push_back(header);
      bytes = 0;
    }
    bytes += size;
    *parts.back().add_views() = std::move(rows);
  }
  return parts;
}

}  // namespace

std::vector<log::OutRecord> make_frames(const v1::Frame& header, std::vector<std::vector<v1::ViewRows>> rows_by_partition,
                                        const std::string& topic, size_t part_bytes) {
  std::vector<log::OutRecord> records;
  for (size_t q = 0; q < rows_by_partition.size(); ++q) {
    std::vector<v1::Frame> parts = split(header, rows_by_partition[q], part_bytes);
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i].set_part(static_cast<uint32_t>(i + 1));
      parts[i].set_parts(static_cast<uint32_t>(parts.size()));
      log::OutRecord& record = records.emplace_back();
      record.topic = topic;
      record.partition = static_cast<int32_t>(q);
      record.value = parts[i].SerializeAsString();
    }
  }
  return records;
}

}  // namespace tocsin
