#include "engine/runtime/cluster.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "engine/base/test_switches.h"

namespace tocsin {

std::string transactional_id(const std::string& app, const std::string& member) {
  if (test_switches::defect("transactional_id_per_start")) {
    static std::atomic<int> starts{0};
    return fmt::format("{}-{}-{}-{}", app, member, ::getpid(), ++starts);
  }
  return fmt::format("{}-{}", app, member);
}

}  // namespace tocsin
