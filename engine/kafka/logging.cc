#include "engine/kafka/logging.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tocsin::kafka {

int log_level(int syslog_level, std::string_view facility, std::string_view text) {
  // One set of properties serves consumers and producers, so each is told about those of the other kind.
  if (facility == "CONFWARN" && text.find("will be ignored by") != std::string_view::npos) return spdlog::level::debug;
  if (syslog_level <= 2) return spdlog::level::critical;
  if (syslog_level == 3) return spdlog::level::err;
  if (syslog_level == 4) return spdlog::level::warn;
  return syslog_level <= 6 ? spdlog::level::info : spdlog::level::debug;
}

std::string limiter_key(std::string_view client, std::string_view facility, std::string_view text) {
  if (facility != "FAIL" && facility != "ERROR" && facility != "REQTMOUT" && facility != "MAXPOLL") return {};
  // "[thrd:host:port/id]: host:port/id: Connect to ... failed: ... (after 0ms in state CONNECT, 5 identical error(s) suppressed)":
  // the times and counts at the end differ from line to line, the thread at the front repeats the broker.
  const size_t tail = text.find(" (after ");
  const size_t thread_end = text.find("]: ");
  const size_t begin = thread_end == std::string_view::npos || thread_end > 120 ? 0 : thread_end + 3;
  const std::string_view core = tail == std::string_view::npos || tail < begin ? text.substr(begin) : text.substr(begin, tail - begin);
  return fmt::format("{}|{}|{}", client, facility, core.substr(0, core.find(':', core.find('/') == core.npos ? 0 : core.find('/'))));
}

void log_from_librdkafka(const rd_kafka_t* client, int syslog_level, const char* facility, const char* text) {
  static LogLimiter limiter;
  const char* name = client == nullptr ? "" : rd_kafka_name(client);
  const std::optional<int64_t> held_back = limiter.admit(limiter_key(name, facility, text));
  if (!held_back.has_value()) return;
  const auto level = static_cast<spdlog::level::level_enum>(log_level(syslog_level, facility, text));
  if (*held_back == 0) {
    spdlog::log(level, "kafka {} {}: {}", name, facility, text);
  } else {
    spdlog::log(level, "kafka {} {}: {} ({} more like this were held back)", name, facility, text, *held_back);
  }
}

}  // namespace tocsin::kafka
