#include "state/rocksdb/status.h"

#include <fmt/core.h>

namespace tocsin::state {
namespace {

bool is_damage(const rocksdb::Status& status) {
  // Every file that RocksDB looks for by itself was there once.
  return status.IsCorruption() || status.IsPathNotFound();
}

bool may_pass(const rocksdb::Status& status) {
  return status.IsIOError() || status.IsBusy() || status.IsTimedOut() || status.IsTryAgain() || status.IsIncomplete() ||
         status.IsAborted() || status.IsShutdownInProgress();
}

}  // namespace

Status to_status(const rocksdb::Status& status, std::string_view doing, const std::string& directory) {
  if (status.ok()) return {};
  const std::string detail = status.ToString();
  if (is_damage(status)) {
    return data_loss(
        fmt::format("cannot {} state: directory {} is damaged ({}); check the disk, stop this process, move the directory "
                    "away and start again: the state is rebuilt from the changelog",
                    doing, directory, detail));
  }
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit) {
    return unavailable(
        fmt::format("cannot {} state: no space left for directory {} ({}); free some, or move the directory to a larger "
                    "disk and set state.path to it",
                    doing, directory, detail));
  }
  if (status.severity() >= rocksdb::Status::kFatalError) {
    return internal_error(
        fmt::format("cannot {} state: directory {} failed and is written no more ({}); check the disk and start this "
                    "process again: what the disk does not have is read again from the changelog",
                    doing, directory, detail));
  }
  if (may_pass(status)) {
    return unavailable(fmt::format("cannot {} state in directory {}: {}; check the disk and its limits", doing, directory, detail));
  }
  return internal_error(fmt::format("cannot {} state in directory {}: {}", doing, directory, detail));
}

}  // namespace tocsin::state
