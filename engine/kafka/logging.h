#pragma once

// What librdkafka has to say, in the engine's log.
//
// While a broker is away each of librdkafka's threads reports the same failed connection again and again; a line is let through
// once per client, facility and broker in kRepeatEvery, then with the number of those held back.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/kafka/handles.h"

namespace tocsin::kafka {

// Holds back repetitions.
//
// Thread:     any (locked); it is off the event path.
// Invariants: (1) at most kKeysMax keys are remembered; (2) a line without a key is never held back.
class LogLimiter {
 public:
  static constexpr Duration kRepeatEvery{30'000};
  static constexpr size_t kKeysMax = 1'000;

  // How many lines of this key were held back since the last one let through; nothing if this one is to be held back too.
  // `now`: any monotonic clock.
  std::optional<int64_t> admit(std::string_view key, Duration now);

 private:
  struct Seen {
    Duration last;
    int64_t held_back = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Seen, std::less<>> seen_;
};

// The level of the engine's log (an spdlog level) for a line of librdkafka: 0 trace … 6 off.
int log_level(int syslog_level, std::string_view facility, std::string_view text);

// What repetitions of a line have in common, or "" if it is not to be limited.
std::string limiter_key(std::string_view client, std::string_view facility, std::string_view text);

// librdkafka's log callback. Called on its threads.
void log_from_librdkafka(const rd_kafka_t* client, int syslog_level, const char* facility, const char* text);

}  // namespace tocsin::kafka
