#include "engine/runtime/alert_json.h"

#include <google/protobuf/map.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

namespace tocsin {
namespace {

using Json = nlohmann::ordered_json;

// Appends to an object whose members all differ, so it need not be searched.
void put(Json& object, const char* name, Json value) { object.get_ref<Json::object_t&>().emplace_back(name, std::move(value)); }

void put_text(Json& object, const char* name, const std::string& text) {
  if (!text.empty()) put(object, name, text);
}

// Whole numbers without a fraction; what JSON has no number for as proto3 JSON names it.
Json number(double value) {
  constexpr double kExact = 0x1p53;
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == std::trunc(value) && std::abs(value) < kExact && !std::signbit(value)) return static_cast<uint64_t>(value);
  return value;
}

void put_map(Json& object, const char* name, const google::protobuf::Map<std::string, std::string>& texts) {
  if (texts.empty()) return;
  Json json = Json::object();
  for (const auto& [key, text] : std::map<std::string_view, std::string_view>(texts.begin(), texts.end())) {
    json.get_ref<Json::object_t&>().emplace_back(std::string(key), text);
  }
  put(object, name, std::move(json));
}

Json evidence_of(const v1::Evidence& evidence) {
  Json json = Json::object();
  if (evidence.has_count()) put(json, "count", std::to_string(evidence.count()));
  if (evidence.has_errors()) put(json, "errors", std::to_string(evidence.errors()));
  put_text(json, "windowStart", evidence.window_start());
  put_text(json, "windowEnd", evidence.window_end());
  if (evidence.has_p50()) put(json, "p50", number(evidence.p50()));
  if (evidence.has_p95()) put(json, "p95", number(evidence.p95()));
  if (evidence.has_p99()) put(json, "p99", number(evidence.p99()));
  if (evidence.has_detection_ms()) put(json, "detectionMs", std::to_string(evidence.detection_ms()));
  put_text(json, "watermark", evidence.watermark());
  put_text(json, "slowestPartition", evidence.slowest_partition());
  return json;
}

}  // namespace

std::string alert_to_json(const v1::AlertEvent& alert) {
  Json json = Json::object();
  put_text(json, "id", alert.id());
  put_text(json, "fingerprint", alert.fingerprint());
  if (alert.sequence() != 0) put(json, "sequence", std::to_string(alert.sequence()));
  put_text(json, "state", alert.state());
  put_text(json, "rule", alert.rule());
  put_text(json, "group", alert.group());
  put_text(json, "severity", alert.severity());
  put_text(json, "reason", alert.reason());
  put_map(json, "labels", alert.labels());
  put_map(json, "annotations", alert.annotations());
  put_text(json, "expr", alert.expr());
  if (alert.has_value()) put(json, "value", number(alert.value()));
  put_text(json, "activeAt", alert.active_at());
  put_text(json, "startsAt", alert.starts_at());
  put_text(json, "endsAt", alert.ends_at());
  put_text(json, "evaluatedAt", alert.evaluated_at());
  if (alert.has_evidence()) put(json, "evidence", evidence_of(alert.evidence()));
  // All its texts were checked for UTF-8 when they came in (decoders, rule files).
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tocsin
