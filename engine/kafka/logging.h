#pragma once

// What librdkafka has to say, in the engine's log.
//
// While a broker is away each of librdkafka's threads reports the same failed connection again and again; a line is let through
// once per client, facility and broker in LogLimiter::kRepeatEvery, then with the number of those held back.

#include <string>
#include <string_view>

#include "engine/base/log_limiter.h"
#include "engine/kafka/handles.h"

namespace tocsin::kafka {

// The level of the engine's log (an spdlog level) for a line of librdkafka: 0 trace … 6 off.
int log_level(int syslog_level, std::string_view facility, std::string_view text);

// What repetitions of a line have in common, or "" if it is not to be limited.
std::string limiter_key(std::string_view client, std::string_view facility, std::string_view text);

// librdkafka's log callback. Called on its threads.
void log_from_librdkafka(const rd_kafka_t* client, int syslog_level, const char* facility, const char* text);

}  // namespace tocsin::kafka
