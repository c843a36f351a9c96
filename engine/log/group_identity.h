#pragma once

// The two kinds of GroupMetadata that MemoryLog understands.
//
// Thread: immutable once made.

#include <cstdint>
#include <string>
#include <utility>

#include "engine/log/log.h"

namespace tocsin::log {

// A member of one of MemoryLog's groups at one generation. Checked when offsets are committed.
struct MemberIdentity : GroupMetadata {
  std::string group;
  int64_t generation = -1;
  std::string member_id;
  std::string instance_id;  // "": a dynamic member
};

// A reader that nobody can take partitions from, such as a FileSource: MemoryLog stores its offsets under `group` unchecked.
struct UnfencedGroup : GroupMetadata {
  explicit UnfencedGroup(std::string name) : group(std::move(name)) {}
  std::string group;
};

}  // namespace tocsin::log
