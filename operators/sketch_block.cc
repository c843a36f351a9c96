#include "operators/sketch_block.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <optional>

#include "tocsin/v1/state.pb.h"

namespace tocsin {
namespace {

using google::protobuf::internal::WireFormatLite;

google::protobuf::io::CodedInputStream stream_of(std::string_view bytes) {
  return google::protobuf::io::CodedInputStream(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
}

constexpr uint32_t tag_of(int field) { return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED); }

// Calls visit(tag, bytes) for each field with a length, until it is false; others are stepped over. False if the bytes are no message.
template <typename Visit>
bool visit_fields(std::string_view message, Visit visit) {
  google::protobuf::io::CodedInputStream in = stream_of(message);
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    uint32_t length = 0;
    if (!in.ReadVarint32(&length)) return false;
    const auto at = static_cast<size_t>(in.CurrentPosition());
    if (length > message.size() - at) return false;
    if (!visit(tag, message.substr(at, length))) return true;
    in.Skip(static_cast<int>(length));
  }
  return in.ConsumedEntireMessage();
}

// The number at `row` of a packed column.
std::optional<uint64_t> number_at(std::string_view column, size_t row) {
  google::protobuf::io::CodedInputStream in = stream_of(column);
  uint64_t number = 0;
  for (size_t i = 0; i <= row; ++i) {
    if (!in.ReadVarint64(&number)) return std::nullopt;
  }
  return number;
}

Status damaged() { return data_loss("a block of sketches is damaged"); }

// The row of a group in the ascending column of groups.
std::optional<size_t> row_of(std::string_view groups, uint64_t group) {
  google::protobuf::io::CodedInputStream in = stream_of(groups);
  uint64_t at = 0;
  for (size_t row = 0; in.ReadVarint64(&at) && at <= group; ++row) {
    if (at == group) return row;
  }
  return std::nullopt;
}

}  // namespace

Status merge_from_block(std::string_view block, uint64_t group, WindowSketch& extremes, SketchMerger& sketches) {
  std::string_view rows;
  const auto find_rows = [&rows](uint32_t tag, std::string_view bytes) {
    if (tag == tag_of(v1::PaneBlock::kRowsFieldNumber)) rows = bytes;
    return true;
  };
  if (!visit_fields(block, find_rows)) return damaged();

  std::string_view groups, least, greatest;
  std::optional<size_t> row;
  std::optional<std::string_view> sketch;
  size_t sketches_seen = 0;
  // Columns come in the order of their numbers, so the groups are known before the sketches.
  const auto find_sketch = [&](uint32_t tag, std::string_view bytes) {
    switch (tag) {
      case tag_of(v1::Rows::kGroupFieldNumber):
        groups = bytes;
        row = row_of(groups, group);
        return row.has_value();
      case tag_of(v1::Rows::kLatencyMinUsFieldNumber): least = bytes; return true;
      case tag_of(v1::Rows::kLatencyMaxUsFieldNumber): greatest = bytes; return true;
      case tag_of(v1::Rows::kSketchFieldNumber):
        if (row && sketches_seen++ == *row) sketch = bytes;
        return !sketch;
      default: return true;
    }
  };
  if (!visit_fields(rows, find_sketch)) return damaged();
  if (!row) return groups.empty() ? damaged() : Status();
  const std::optional<uint64_t> min = number_at(least, *row);
  const std::optional<uint64_t> max = number_at(greatest, *row);
  if (!min || !max || !sketch || !sketches.add(*sketch)) return damaged();
  extremes.latency_min_us = std::min(extremes.latency_min_us, *min);
  extremes.latency_max_us = std::max(extremes.latency_max_us, *max);
  return {};
}

}  // namespace tocsin
