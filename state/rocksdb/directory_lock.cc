#include "state/rocksdb/directory_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

namespace tocsin::state {
namespace {

constexpr std::string_view kFileName = "tocsin.lock";

Status cannot_use(const std::string& directory, const std::string& reason) {
  return invalid_argument(
      fmt::format("cannot use state directory {}: {}; give user {} write access to it, or set state.path to a "
                  "directory that has it",
                  directory, reason, ::geteuid()));
}

// The process id that the holder wrote, if it has got that far.
std::optional<pid_t> read_holder(int descriptor) {
  char text[32];
  const ssize_t size = ::pread(descriptor, text, sizeof text, 0);
  pid_t holder = 0;
  if (size <= 0 || std::from_chars(text, text + size, holder).ec != std::errc()) return std::nullopt;
  return holder;
}

Status in_use(const std::string& directory, int descriptor) {
  const std::optional<pid_t> holder = read_holder(descriptor);
  if (holder == ::getpid()) return unavailable(fmt::format("state directory {} is already open in this process", directory));
  return unavailable(
      fmt::format("state directory {} is in use by another process (pid {}); stop that one, or give this one an "
                  "instance name or state.path of its own",
                  directory, holder ? std::to_string(*holder) : "unknown"));
}

// For people and messages only; the lock itself does not depend on it.
void write_holder(int descriptor) {
  const std::string text = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, text.data(), text.size(), 0);
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::acquire(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return cannot_use(directory, error.message());
  const std::string path = std::filesystem::path(directory) / kFileName;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return cannot_use(directory, std::strerror(errno));
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock(descriptor));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    write_holder(descriptor);
    return lock;
  }
  if (errno == EWOULDBLOCK) return in_use(directory, descriptor);
  return cannot_use(directory, std::strerror(errno));
}

DirectoryLock::~DirectoryLock() { ::close(descriptor_); }

}  // namespace tocsin::state
