#include "engine/base/test_switches.h"

#ifdef TOCSIN_TEST_SWITCHES

#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() is POSIX's
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string>

#include "engine/base/check.h"

namespace tocsin::test_switches {
namespace {

template <size_t N>
void check_known(const std::array<Switch, N>& known, std::string_view name, std::string_view kind) {
  const bool found = std::any_of(known.begin(), known.end(), [&](const Switch& entry) { return entry.name == name; });
  TOCSIN_CHECK(found, fmt::format("there is no {} '{}' (engine/base/test_switches.h)", kind, name));
}

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// kDefects.size() for "".
size_t index_of_defect(std::string_view name) {
  if (!name.empty()) check_known(kDefects, name, "defect");
  const auto* const found = std::find_if(kDefects.begin(), kDefects.end(), [&](const Switch& entry) { return entry.name == name; });
  return static_cast<size_t>(found - kDefects.begin());
}

size_t& active_defect() {
  static size_t active = index_of_defect(environment("TOCSIN_DEFECT"));
  return active;
}

// A positive number, the whole of `text`.
int64_t number_of(std::string_view text, std::string_view wanted) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  TOCSIN_CHECK(error == std::errc() && end == text.data() + text.size() && number > 0, fmt::format("'{}': {}", text, wanted));
  return number;
}

struct ArmedFailpoint {
  std::string name;
  std::atomic<int64_t> left{1};  // times that it is still to be passed, this one included

  ArmedFailpoint() {
    const std::string_view given = environment("TOCSIN_FAILPOINT");
    if (given.empty()) return;
    const size_t colon = given.find(':');
    name = given.substr(0, colon);
    check_known(kFailpoints, name, "failpoint");
    if (colon != std::string_view::npos) left = number_of(given.substr(colon + 1), "TOCSIN_FAILPOINT is NAME or NAME:N with N > 0");
  }
};

}  // namespace

bool defect(Defect asked) { return active_defect() == asked.index; }

void failpoint(std::string_view name) {
  static ArmedFailpoint armed;
  check_known(kFailpoints, name, "failpoint");
  if (armed.name == name && armed.left.fetch_sub(1) == 1) ::kill(::getpid(), SIGKILL);
}

void set_defect(std::string_view name) { active_defect() = index_of_defect(name); }

uint32_t formats_ahead() {
  static const std::string_view given = environment("TOCSIN_FORMATS_AHEAD");
  static const int64_t ahead = given.empty() ? 0 : number_of(given, "TOCSIN_FORMATS_AHEAD is a number above 0");
  return static_cast<uint32_t>(ahead);
}

}  // namespace tocsin::test_switches

#endif
