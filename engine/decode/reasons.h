#pragma once

// Why an event or a message went to the dead letters. The texts are stable: they are the header `tocsin.reason` and a label value
// of the dead-letter counter, so there are few of them and none contains a value from the input.

#include <array>
#include <string_view>

namespace tocsin::decode {

// Whole messages.
inline constexpr std::string_view kEmptyMessage = "empty message";
inline constexpr std::string_view kBrokenFraming = "broken schema registry framing";
inline constexpr std::string_view kBrokenBatch = "not a protobuf TelemetryBatch";
inline constexpr std::string_view kBrokenJson = "not valid JSON";
inline constexpr std::string_view kJsonTooDeep = "JSON is nested too deeply";

// Single events.
inline constexpr std::string_view kBrokenEvent = "not a protobuf TelemetryEvent";
inline constexpr std::string_view kNotAnObject = "not a JSON object";
inline constexpr std::string_view kNotUtf8 = "text is not valid UTF-8";
inline constexpr std::string_view kTimestampMissing = "timestamp_ms is missing";
inline constexpr std::string_view kTimestampNegative = "timestamp_ms is negative";
inline constexpr std::string_view kTimestampTooLate = "timestamp_ms is beyond the year 8999";
inline constexpr std::string_view kDomainLength = "domain must have 1 to 256 bytes";
inline constexpr std::string_view kLatencyNotFinite = "latency is not finite";
inline constexpr std::string_view kLatencyNegative = "latency is negative";
inline constexpr std::string_view kLatencyTooLarge = "latency is above 2^53 microseconds";
inline constexpr std::string_view kMetricWithoutValue = "metric without value";
inline constexpr std::string_view kValueWithoutMetric = "value without metric";
inline constexpr std::string_view kValueNotFinite = "value is not finite";
inline constexpr std::string_view kValueTooLarge = "value is beyond 10^18";

// A JSON member of the wrong type; they follow the order of decode::Member.
inline constexpr std::array<std::string_view, 20> kWrongTypes = {
    "timestamp_ms has the wrong type", "domain has the wrong type",     "operation has the wrong type",  "success has the wrong type",
    "latency_ms has the wrong type",   "error_code has the wrong type", "level has the wrong type",      "actor_id has the wrong type",
    "request_id has the wrong type",   "actor_type has the wrong type", "session_id has the wrong type", "trace_id has the wrong type",
    "span_id has the wrong type",      "event_id has the wrong type",   "labels has the wrong type",     "weight has the wrong type",
    "metric has the wrong type",       "value has the wrong type",      "metadata has the wrong type",   "a label has the wrong type",
};

}  // namespace tocsin::decode
