#include "perf/micro/job.h"

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/loadgen/messages.h"
#include "engine/runtime/frames.h"
#include "engine/runtime/pipeline.h"

namespace tocsin::perf {
namespace {

constexpr EventTime kStart{1'767'225'600'000};  // 2026-01-01T00:00:00Z
constexpr uint64_t kRate = 20'000;              // events a second of event time
constexpr Duration kOutOfOrderness{500};

loadgen::LoadOptions load_options(Format format, uint64_t events) {
  loadgen::LoadOptions options;
  options.rate = kRate;
  options.events = events;
  options.start = kStart;
  options.jitter_max = Duration{200};
  options.domains =
      loadgen::parse_names(
          "chat,wallet,payments,search,catalog,checkout,identity,notify,shipping,inventory,pricing,reviews,media,support,loyalty,"
          "fraud,ledger,profile,session,gateway",
          "domain")
          .value();
  options.regions = {"eu-west-1", "us-east-1", "us-west-2", "ap-south-1"};
  options.operations = {"list", "get", "create", "update", "delete", "open", "close", "compute", "publish", "render"};
  options.labels = {{"version", {"v2.14.3", "v2.14.4", "v2.15.0-rc1"}}};
  options.actors = 10'000'000;
  options.failure_share = 0.02;
  options.latency_median_ms = 60;
  options.latency_sigma = 0.9;
  options.format = format == Format::kJson ? loadgen::Format::kJson : loadgen::Format::kProtobuf;
  options.batch = format == Format::kJson ? 1 : 100;
  return options;
}

std::string rules_text(int rules) {
  const int rates = rules == 1 ? 1 : rules / 2;
  std::string text = "groups:\n  - name: reference\n    interval: 1s\n    rules:\n";
  const auto add = [&](const std::string& name, const std::string& expression) {
    text += fmt::format("      - {{alert: {}, expr: '{}', by: [domain, region]}}\n", name, expression);
  };
  for (int i = 0; i < rates; ++i) add(fmt::format("ErrorRate{}", i), fmt::format("error_rate[5m] > {}%", 5 + 2.5 * i / rates));
  for (int i = 0; i < rules - rates; ++i) add(fmt::format("P99_{}", i), fmt::format("p99[5m] > {}ms", 800 + 250.0 * i / rates));
  return text;
}

// Of a reader that has read the whole of one input partition up to where `clock` stands.
v1::Frame header(const Plan& plan, uint64_t sequence, uint64_t from, uint64_t to, const PartitionClock& clock) {
  v1::Frame frame;
  frame.set_worker("micro");
  frame.set_sequence(sequence);
  frame.set_partitions(1);
  frame.set_plan(plan.version);
  frame.set_resolution_ms(plan.resolution.ms);
  v1::InputTopic& topic = *frame.add_topics();
  topic.set_name("telemetry");
  topic.set_partitions(1);
  v1::InputProgress& progress = *frame.add_inputs();
  progress.set_from(static_cast<int64_t>(from));
  progress.set_to(static_cast<int64_t>(to));
  progress.set_watermark_ms(clock.watermark().ms);
  progress.set_first_event_ms(clock.first_event()->ms);
  progress.set_largest_event_ms(clock.largest_event()->ms);
  return frame;
}

}  // namespace

std::shared_ptr<const Plan> reference_plan(int rules) {
  std::vector<std::string> findings;
  Result<std::shared_ptr<const Plan>> plan =
      make_plan({{"rules.yaml", rules_text(rules)}}, config::TimeConfig(), rules::LoadOptions(), findings);
  TOCSIN_CHECK(plan.ok(), "the reference job's rules are refused");
  return *plan;
}

Load reference_load(Format format, uint64_t events) {
  loadgen::Messages messages(load_options(format, events));
  Load load{format, {}, 0, 0};
  loadgen::Message message;
  for (uint64_t j = 0; j < messages.count(); ++j) {
    messages.make(j, message);
    load.events += message.events;
    load.bytes += message.value.size();
    std::string& kept = load.messages.emplace_back(message.value);
    kept.append(Decoder::kPadding, '\0');
  }
  return load;
}

void decode(Decoder& decoder, const Load& load, size_t message, EventBatch& batch) {
  const std::string_view padded = load.messages[message];
  batch.clear();
  decoder.decode(padded.substr(0, padded.size() - Decoder::kPadding), "", Decoder::kPadding, batch);
}

Frames reference_frames(const std::shared_ptr<const Plan>& plan, int seconds, int seconds_per_frame) {
  const uint64_t per_frame = kRate * static_cast<uint64_t>(seconds_per_frame);
  const Load load = reference_load(Format::kProtobuf, kRate * static_cast<uint64_t>(seconds));
  const uint64_t events_per_message = load.events / load.messages.size();
  Decoder decoder(plan->fields, load.format);
  EventBatch batch(plan->fields.size());
  Aggregator aggregator(plan, AggregatorOptions());
  PartitionClock clock(kOutOfOrderness);
  Frames frames;
  uint64_t flushed = 0;
  for (size_t m = 0; m < load.messages.size(); ++m) {
    decode(decoder, load, m, batch);
    aggregator.add(batch, clock, std::nullopt);
    if ((m + 1) * events_per_message % per_frame != 0) continue;
    std::vector<std::vector<v1::ViewRows>> rows = aggregator.take(1);
    for (const v1::ViewRows& view : rows.front()) frames.rows += static_cast<uint64_t>(view.rows().group_size());
    const v1::Frame head = header(*plan, frames.records.size() + 1, flushed, m + 1, clock);
    for (log::OutRecord& record : make_frames(head, std::move(rows), "partials")) frames.records.push_back(std::move(*record.value));
    flushed = m + 1;
  }
  frames.events = load.events;
  return frames;
}

void report(benchmark::State& state, uint64_t items_per_iteration) {
  const auto items = static_cast<double>(static_cast<uint64_t>(state.iterations()) * items_per_iteration);
  state.SetItemsProcessed(static_cast<int64_t>(items));
  state.counters["each"] = benchmark::Counter(items, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace tocsin::perf
