#include "engine/runtime/alert_records.h"

#include "engine/runtime/alert_json.h"

namespace tocsin {

void append_alert_records(const v1::AlertEvent& alert, const AlertTopics& topics, std::vector<log::OutRecord>& records) {
  const bool json = topics.format == AlertFormat::kJson;
  log::OutRecord event;
  event.topic = topics.alerts;
  event.key = alert.fingerprint();
  event.value = json ? alert_to_json(alert) : alert.SerializeAsString();
  event.headers = {{"ce_specversion", "1.0"},         {"ce_id", alert.fingerprint() + "-" + std::to_string(alert.sequence())},
                   {"ce_source", topics.source},      {"ce_type", "tocsin.alert." + alert.state()},
                   {"ce_time", alert.evaluated_at()}, {"content-type", json ? "application/json" : "application/protobuf"}};
  if (!topics.alert_states.empty()) {
    log::OutRecord state = event;
    state.topic = topics.alert_states;
    if (alert.state() == "resolved") {
      state.value.reset();
      state.headers.clear();
    }
    records.push_back(std::move(state));
  }
  records.push_back(std::move(event));
}

}  // namespace tocsin
