#include "engine/runtime/flight_recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tocsin {

std::string_view to_string(FlightRecorder::Phase phase) {
  switch (phase) {
    case FlightRecorder::Phase::kStopped: return "stopped";
    case FlightRecorder::Phase::kRunning: return "between transactions";
    case FlightRecorder::Phase::kTransaction: return "in a transaction";
    case FlightRecorder::Phase::kCommitted: return "between commit and state write";
    case FlightRecorder::Phase::kRestoring: return "in a restore";
  }
  return "unknown";
}

Result<std::unique_ptr<FlightFile>> FlightFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return unavailable(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  void* mapped = MAP_FAILED;
  if (::ftruncate(descriptor, kWorkers) == 0) mapped = ::mmap(nullptr, kWorkers, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  const int error = errno;
  ::close(descriptor);
  if (mapped == MAP_FAILED) return unavailable(fmt::format("cannot map {}: {}", path, std::strerror(error)));
  std::unique_ptr<FlightFile> file(new FlightFile);
  std::memcpy(file->previous_, mapped, kWorkers);
  std::memset(mapped, 0, kWorkers);
  file->cells_ = static_cast<std::atomic<uint8_t>*>(mapped);
  return file;
}

FlightFile::~FlightFile() { ::munmap(static_cast<void*>(cells_), kWorkers); }

}  // namespace tocsin
