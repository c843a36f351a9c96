#include "tests/golden/samples.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/base/hash.h"
#include "engine/runtime/alert_records.h"
#include "engine/runtime/dead_letters.h"
#include "engine/runtime/frames.h"
#include "engine/runtime/restore.h"
#include "engine/runtime/status_report.h"
#include "operators/alerts.h"
#include "operators/evaluator_internal.h"
#include "operators/format.h"
#include "operators/keys.h"
#include "operators/partition_clock.h"
#include "operators/rows_codec.h"
#include "state/changelog.h"
#include "tests/golden/run.h"
#include "tests/unit/operators/support.h"

namespace tocsin::golden {

const char* const kRulesOfNames = R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Errors
    expr: error_rate{domain="chat"}[10s] > 30% and count[1m] > 5
    by: [region, app]
  - alert: Slow
    expr: p99{region=~"eu-.*"}[5m] > 200ms or share(latency > 150ms and not {region="eu"})[5m] >= 45%
    by: [domain]
)";

TDigest small_digest() {
  TDigest digest;
  for (const uint32_t value : {1500U, 1500U, 250U, 70'000U, 0U}) digest.add(value);
  return digest;
}

TDigest large_digest() {
  TDigest digest;
  uint64_t random = 1;
  for (int i = 0; i < 500; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    digest.add(static_cast<double>((random >> 33) % 1'000'000), 1 + random % 3);
  }
  return digest;
}

TDigest fractional_digest() {
  TDigest digest;
  digest.add(-2.5, 3);
  digest.add(0.125);
  digest.add(9007199254740994.0);
  return digest;
}

// Three groups in a pane that begins at 1,700,000,000,000: everything set; no latency; the least there can be.
std::vector<Partial> rows() {
  std::vector<Partial> rows(3);
  Partial& full = rows[0];
  full.total = PartialTotal{{1000, 17, 900, (Uint128{5} << 64) + 7, {11, 0}}, {}};
  full.total.above.add(1, 300);
  full.total.above.add(3, 2);
  full.sketch.latency_min_us = 3;
  full.sketch.latency_max_us = 90'000'000;
  full.sketch.parts.add_values(std::vector<uint32_t>{3, 300, 300, 70'000});
  full.sketch.parts.add_digest(large_digest());
  full.last_event = {1'700'000'000'999};
  full.last_latency_event = {1'700'000'000'000};
  Partial& errors = rows[1];
  errors.total = PartialTotal{{5, 5, 0, 0, {0, 5}}, {}};
  errors.last_event = {1'700'000'000'250};
  rows[2].total.predicates.resize(2);
  return rows;
}

v1::AlertEvent alert_firing() {
  v1::AlertEvent alert;
  alert.set_id("00c0ffee00c0ffee-1700000004000");
  alert.set_fingerprint("00c0ffee00c0ffee");
  alert.set_sequence(3);
  alert.set_state("firing");
  alert.set_rule("Errors");
  alert.set_group("g");
  alert.set_severity("critical");
  (*alert.mutable_labels())["region"] = "eu-1 \"ä\"";
  (*alert.mutable_annotations())["summary"] = "31.5 % of 200";
  alert.set_expr("error_rate{domain=\"chat\"}[10s] > 30%");
  alert.set_value(0.315);
  alert.set_active_at("2023-11-14T22:13:22.000Z");
  alert.set_starts_at("2023-11-14T22:13:24.000Z");
  alert.set_evaluated_at("2023-11-14T22:13:24.000Z");
  v1::Evidence& evidence = *alert.mutable_evidence();
  evidence.set_count(200);
  evidence.set_errors(63);
  evidence.set_window_start("2023-11-14T22:13:14.000Z");
  evidence.set_window_end("2023-11-14T22:13:24.000Z");
  evidence.set_p50(12);
  evidence.set_p95(80.25);
  evidence.set_p99(150);
  evidence.set_watermark("2023-11-14T22:13:24.100Z");
  evidence.set_slowest_partition("telemetry-3");
  evidence.set_detection_ms(412);
  return alert;
}

v1::AlertEvent alert_resolved() {
  v1::AlertEvent alert;
  alert.set_id("00c0ffee00c0ffee-1700000004000");
  alert.set_fingerprint("00c0ffee00c0ffee");
  alert.set_sequence(4);
  alert.set_state("resolved");
  alert.set_rule("Errors");
  alert.set_reason("group_expired");
  alert.set_ends_at("2023-11-14T22:14:00.000Z");
  alert.set_evaluated_at("2023-11-14T22:14:00.000Z");
  alert.mutable_evidence()->set_count(0);
  return alert;
}

namespace {

std::string number(uint64_t value) { return fmt::format("{:016x}", value); }

Entries keys_of_state() {
  const EventTime before_1970{-1'000};
  return {
      {"group", keys::group(3, 0x0102030405060708, 9)},
      {"last_events", keys::last_events(3, 0xfffefdfcfbfaf9f8, 1)},
      {"instance", keys::instance(4'000'000'000, 0x00c0ffee00c0ffee)},
      {"position", keys::position(3)},
      {"pane_counters", keys::pane_block(3, 0xa1, keys::PanePart::kCounters, {1'000}, {1'700'000'000'000}, {1'700'000'001'000}, 512)},
      {"pane_sketches", keys::pane_block(0, 0xa1, keys::PanePart::kSketches, {21'600'000}, before_1970, {0}, 0)},
      {"changelog_position", changelog_position_key(3)},
      {"changelog_position_value", encode_changelog_position({1'234'567, WallTime{1'700'000'000'123}})},
      {"fields", state::KeyWriter().u8(7).bytes(std::string("a\0b", 3)).raw("raw").i64(-1).i64(0).i64(INT64_MAX).take()},
  };
}

// Hashes that stand in keys and rows: another one would be another view, window, rule or group.
Entries names() {
  const std::shared_ptr<const Plan> plan = plan_of(kRulesOfNames);
  Entries entries;
  const auto add = [&](const std::string& name, uint64_t hash) { entries.push_back({name, number(hash)}); };
  for (size_t i = 0; i < plan->group_spaces.size(); ++i) {
    const size_t labels = plan->group_spaces[i].by.size();
    const std::vector<std::string> values = labels == 2 ? std::vector<std::string>{"shop", "eu"} : std::vector<std::string>(labels, "chat");
    add(fmt::format("group_space_{}", i), plan->group_spaces[i].id);
    add(fmt::format("group_of_space_{}", i), hash_group(plan->group_spaces[i].id, values));
  }
  for (size_t i = 0; i < plan->views.size(); ++i) {
    add(fmt::format("view_{}", i), plan->views[i].id);
    for (size_t p = 0; p < plan->views[i].predicates.size(); ++p) {
      add(fmt::format("view_{}_predicate_{}", i, p), plan->views[i].predicates[p].id());
    }
  }
  for (size_t i = 0; i < plan->windows.size(); ++i) {
    add(fmt::format("window_{}", i), window_hash(*plan, plan->windows[i]));
    add(fmt::format("window_{}_of_any_interval", i), window_hash_of_any_interval(*plan, plan->windows[i]));
  }
  for (const PlannedRule& rule : plan->rules) {
    add("rule_" + rule.rule.name, rule.id);
    add("definition_" + rule.rule.name, definition_hash(rule));
  }
  add("fingerprint", fingerprint_of("Errors", {"app", "region"}, {"shop", "eu"}));
  add("fingerprint_without_empty_labels", fingerprint_of("Errors", {"app", "region"}, {"", "eu"}));
  add("fnv1a", fnv1a("tocsin"));
  return entries;
}

Entries sketches() {
  Entries entries;
  const auto add = [&](const std::string& name, const TDigest& digest) {
    digest.encode(entries.emplace_back(Entry{name, std::string()}).bytes.emplace());
  };
  add("empty", TDigest());
  add("small", small_digest());
  add("large", large_digest());
  add("fractional", fractional_digest());
  SketchParts parts;
  parts.add_values(std::vector<uint32_t>{0, 5, 5, 4'294'967'295});
  parts.add_digest(small_digest());
  entries.push_back({"parts", parts.bytes()});
  return entries;
}

Entries blocks() {
  constexpr int64_t kPaneStart = 1'700'000'000'000;
  v1::PaneBlock counters;
  for (const uint64_t threshold : {1'000U, 150'000U, 200'000U, 5'000'000U}) counters.add_thresholds_us(threshold);
  for (const uint64_t predicate : {0xaaU, 0xbbU}) counters.add_predicates(predicate);
  v1::PaneBlock sketches;
  RowsWriter counter_rows(*counters.mutable_rows(), {false, true, false, 2});
  RowsWriter sketch_rows(*sketches.mutable_rows(), {false, false, true, 0});
  uint64_t group = 40;
  for (const Partial& row : rows()) {
    counter_rows.add(++group, kPaneStart, row);
    sketch_rows.add(group, kPaneStart, row);
  }
  return {{"counters", counters.SerializeAsString()}, {"sketches", sketches.SerializeAsString()}};
}

Entries frames() {
  v1::Frame header;
  header.set_format(frame_format());
  header.set_worker("host-aggregate-0");
  header.set_sequence(77);
  header.set_partitions(2);
  header.set_plan(0x1122334455667788);
  header.set_resolution_ms(250);
  header.set_oldest_record_ms(1'700'000'002'345);
  v1::InputTopic& topic = *header.add_topics();
  topic.set_name("telemetry");
  topic.set_partitions(4);
  v1::InputProgress& progress = *header.add_inputs();
  progress.set_partition(3);
  progress.set_from(100);
  progress.set_to(250);
  progress.set_watermark_ms(1'700'000'001'500);
  progress.set_first_event_ms(-5);
  progress.set_largest_event_ms(1'700'000'002'000);
  progress.set_idle(true);
  progress.set_lost(2);
  header.add_inputs()->set_finished(true);
  v1::ViewRows view;
  view.set_view(0xa1);
  view.set_pane_ms(1'000);
  view.set_labels_per_group(1);
  for (const char* label : {"eu", "us", ""}) view.add_labels(label);
  for (const uint64_t threshold : {1'000U, 150'000U, 200'000U, 5'000'000U}) view.add_thresholds_us(threshold);
  for (const uint64_t predicate : {0xaaU, 0xbbU}) view.add_predicates(predicate);
  RowsWriter writer(*view.mutable_rows(), {true, true, true, 2});
  uint64_t group = 0;
  for (const Partial& row : rows()) {
    writer.set_pane(1'700'000'000, group == 2 ? 3'500 : 0);
    writer.add(group++, 1'700'000'000'000, row);
  }
  Entries entries;
  for (const log::OutRecord& record : make_frames(header, {{view}, {}}, "app.partials")) {
    entries.push_back({fmt::format("partition_{}", record.partition), record.value});
  }
  return entries;
}

Entries offsets() {
  const Duration allowance{500};
  PartitionClock busy(allowance);
  busy.observe({1'700'000'000'000}, {});
  busy.observe({1'700'000'009'000}, {});
  busy.observe({1'700'000'003'000}, {});
  PartitionClock idle = busy;
  idle.follow_wall_clock({1'700'000'060'000});
  PartitionClock empty(allowance);
  empty.follow_wall_clock({1'700'000'060'000});
  return {{"fresh", PartitionClock(allowance).encode()}, {"busy", busy.encode()}, {"idle", idle.encode()}, {"empty", empty.encode()}};
}

Entries changelog() {
  state::WriteBatch batch;
  batch.put(keys::position(3), "value");
  batch.put(keys::group(3, 1, 2), "");
  batch.remove(keys::instance(3, 5));
  Entries entries;
  for (const state::WriteBatch::Operation& operation : batch.operations) {
    const state::ChangelogRecord record = state::encode(operation);
    entries.push_back({"key", std::string(record.key)});
    entries.push_back({"value", record.value ? std::optional(std::string(*record.value)) : std::nullopt});
  }
  return entries;
}

void append(const log::OutRecord& record, Entries& entries) {
  entries.push_back({"topic", record.topic});
  entries.push_back({"key", record.key});
  entries.push_back({"value", record.value});
  for (const log::Header& header : record.headers) entries.push_back({"header." + header.name, header.value});
}

Entries alerts() {
  Entries entries;
  for (const AlertFormat format : {AlertFormat::kJson, AlertFormat::kProtobuf}) {
    std::vector<log::OutRecord> records;
    for (const v1::AlertEvent& alert : {alert_firing(), alert_resolved()}) {
      append_alert_records(alert, {"app.alerts", "app.alert-states", "tocsin/app", format}, records);
    }
    for (const log::OutRecord& record : records) append(record, entries);
  }
  return entries;
}

Entries dead_letters() {
  Entries entries;
  append(make_dead_letter({2, "latency is negative", "{\"ts\":1,\"latency_ms\":-1}"}, {"telemetry", 3}, 4711, "app.dead-letters"), entries);
  return entries;
}

Entries signals() {
  ProcessStatus status;
  status.at = WallTime{1'700'000'000'000};
  status.events = 12'000'000;
  status.events_per_second = 250'000.5;
  status.late = 3;
  status.dropped_late = 2;
  status.dead_letters = 1;
  status.series = 80;
  status.groups = 40;
  status.alerts = 7;
  status.lag = 15;
  status.evaluated_ms = 1'699'999'999'750;
  status.memory_bytes = size_t{3} << 20;
  status.details.dropped_late_by_rule_group = {{"g", 2}};
  return {{"status", status_to_json(status, "host-1")}};
}

Entries short_run() { return run_to_keep(kShortLife); }

}  // namespace

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all{
      {"keys.v1", keys_of_state}, {"names.v1", names},     {"sketches.v1", sketches},         {"blocks.v1", blocks},
      {"frames.v1", frames},      {"offsets.v1", offsets}, {"changelog.v1", changelog},       {"alerts.v1", alerts},
      {"signals.v1", signals},    {"run.v2", short_run},   {"dead_letters.v1", dead_letters},
  };
  return all;
}

}  // namespace tocsin::golden
