#include "engine/runtime/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace tocsin {
namespace {

// Field n of /proc/self/stat as proc(5) counts them. The second one is the name, which may hold blanks and parentheses, so fields are
// counted from its end.
struct Stat {
  std::string rest;

  std::optional<uint64_t> field(int n) const {
    std::istringstream in(rest);
    std::string word;
    for (int i = 3; i <= n; ++i) {
      if (!(in >> word)) return std::nullopt;
    }
    try {
      return std::stoull(word);
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }
};

std::optional<Stat> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  return Stat{text.substr(end + 1)};
}

// When the machine was started, Unix time.
std::optional<uint64_t> boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    uint64_t seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
    std::getline(file, word);
  }
  return std::nullopt;
}

std::optional<uint64_t> count_descriptors() {
  std::error_code error;
  uint64_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end; entry.increment(error)) ++count;
  if (error || count == 0) return std::nullopt;
  return count - 1;  // without the one that lists them
}

}  // namespace

ProcessMetrics read_process_metrics() {
  ProcessMetrics metrics;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (const std::optional<Stat> stat = read_stat()) {
    const auto user = stat->field(14), system = stat->field(15), start = stat->field(22), pages = stat->field(24);
    if (user && system) metrics.cpu_seconds = static_cast<double>(*user + *system) / ticks;
    if (const auto boot = boot_time(); boot && start)
      metrics.start_time_seconds = static_cast<double>(*boot) + static_cast<double>(*start) / ticks;
    metrics.virtual_bytes = stat->field(23);
    if (pages) metrics.resident_bytes = *pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }
  metrics.open_descriptors = count_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) metrics.descriptors_max = limit.rlim_cur;
  return metrics;
}

}  // namespace tocsin
