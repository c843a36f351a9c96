#include "engine/base/processors.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace tocsin {
namespace {

// "QUOTA PERIOD" in microseconds, or "max PERIOD".
int quota_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  int64_t quota = 0;
  int64_t period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::min<int64_t>((quota + period - 1) / period, 1 << 20));
}

int processors_of_affinity() {
  // Large enough for 32,768 processors; a kernel with more refuses, and hardware_concurrency() has to do.
  cpu_set_t sets[32];
  CPU_ZERO_S(sizeof(sets), sets);
  if (sched_getaffinity(0, sizeof(sets), sets) == 0) return CPU_COUNT_S(sizeof(sets), sets);
  return static_cast<int>(std::thread::hardware_concurrency());
}

std::string text_of(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

int quota_of_cgroup(std::string_view membership, const std::filesystem::path& root) {
  // The line of cgroup v2 is "0::/PATH".
  constexpr std::string_view kUnified = "0::/";
  size_t at = membership.starts_with(kUnified) ? 0 : membership.find("\n0::/");
  if (at == std::string_view::npos) return 0;
  if (at > 0) ++at;
  std::string_view path = membership.substr(at + kUnified.size());
  path = path.substr(0, path.find('\n'));

  int least = 0;
  std::filesystem::path group = root;
  const auto consider = [&] {
    const int quota = quota_in(group / "cpu.max");
    if (quota > 0) least = least == 0 ? quota : std::min(least, quota);
  };
  consider();
  for (const std::filesystem::path& name : std::filesystem::path(path)) {
    group /= name;
    consider();
  }
  return least;
}

int available_processors() {
  const int allowed = processors_of_affinity();
  const int quota = quota_of_cgroup(text_of("/proc/self/cgroup"), "/sys/fs/cgroup");
  return std::max(1, quota > 0 ? std::min(allowed, quota) : allowed);
}

}  // namespace tocsin
