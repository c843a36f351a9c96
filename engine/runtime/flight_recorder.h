#pragma once

// What each worker was doing, readable after the process has died: one byte a worker in a small file that is mapped into memory, so
// that the last write survives kill -9 (not a crash of the machine). At the next start it says in the log at which point the
// process ended; the kill tests read it to know what they hit.
//
// Thread: any; one byte a worker, relaxed.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/status.h"

namespace tocsin {

class FlightRecorder {
 public:
  enum class Phase : uint8_t {
    kStopped = 0,  // not running, or ended in good order
    kRunning = 1,
    kTransaction = 2,  // between the begin of a transaction and its outcome
    kCommitted = 3,    // committed, the state store does not have it yet
    kRestoring = 4,    // reading the changelog
  };

  // Records nowhere.
  FlightRecorder() = default;
  explicit FlightRecorder(std::atomic<uint8_t>* cell) : cell_(cell) {}

  void enter(Phase phase) {
    if (cell_ != nullptr) cell_->store(static_cast<uint8_t>(phase), std::memory_order_relaxed);
  }
  Phase phase() const { return cell_ == nullptr ? Phase::kStopped : static_cast<Phase>(cell_->load(std::memory_order_relaxed)); }

 private:
  std::atomic<uint8_t>* cell_ = nullptr;
};

std::string_view to_string(FlightRecorder::Phase phase);

// The file behind the recorders of a process: state.path/<instance>/flight.
//
// Lifetime: outlives its recorders.
// Failure:  kUnavailable: the file cannot be opened, or not be mapped.
class FlightFile {
 public:
  static constexpr size_t kWorkers = 512;

  static Result<std::unique_ptr<FlightFile>> open(const std::string& path);
  ~FlightFile();
  FlightFile(const FlightFile&) = delete;
  FlightFile& operator=(const FlightFile&) = delete;

  // The phase that worker `index` was in when the previous process ended. Workers from kWorkers on have no place: kStopped.
  FlightRecorder::Phase previous(size_t index) const {
    return index < kWorkers ? static_cast<FlightRecorder::Phase>(previous_[index]) : FlightRecorder::Phase::kStopped;
  }
  // Theirs records nowhere.
  FlightRecorder recorder(size_t index) { return index < kWorkers ? FlightRecorder(&cells_[index]) : FlightRecorder(); }

 private:
  FlightFile() = default;

  std::atomic<uint8_t>* cells_ = nullptr;
  uint8_t previous_[kWorkers] = {};
};

}  // namespace tocsin
