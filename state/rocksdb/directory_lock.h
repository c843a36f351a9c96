#pragma once

// Keeps a second process, or a second store of this one, out of a state directory, and names who holds it.
//
// An flock on a file of our own, before RocksDB's: RocksDB's lock tells neither the holder nor apart from other failures.
// The kernel drops it when the process dies, however it dies; the file stays and means nothing by itself.
//
// Thread:   any; confined while it is being destroyed.
// Failure:  kUnavailable if the directory is in use, kInvalidArgument if it cannot be made or written.

#include <memory>
#include <string>

#include "engine/base/status.h"

namespace tocsin::state {

class DirectoryLock {
 public:
  // Makes the directory, with those above it, if it is not there.
  static Result<std::unique_ptr<DirectoryLock>> acquire(const std::string& directory);

  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}

  const int descriptor_;
};

}  // namespace tocsin::state
