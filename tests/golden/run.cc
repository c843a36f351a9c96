#include "tests/golden/run.h"

namespace tocsin::golden {
namespace {

// At the stop: one instance fires, one is pending, one has a cooldown to remember, and rows wait for their tick.
constexpr const char* kShortRules = R"(
groups:
- name: g
  interval: 1s
  rules:
  - alert: Errors
    expr: error_rate{domain="chat"}[4s] > 30%
    by: [region]
    annotations: {summary: 'errors in {{ $labels.region }}'}
  - alert: Slow
    expr: p90[4s] > 200ms
    by: [region]
    for: 4s
  - alert: Many
    expr: count[1s] > 3
    by: [region]
    cooldown: 12s
)";

// Latencies rise by 10 ms a second. Each rule's `value` is a quantile of panes of all widths, at a tick of its own after the stop.
constexpr const char* kLongRules = R"(
groups:
- name: g
  interval: 1s
  rules:
  - {alert: P90Above720, expr: 'p90[70s] > 720ms'}
  - {alert: P90Above760, expr: 'p90[70s] > 760ms'}
  - {alert: P90Above800, expr: 'p90[70s] > 800ms'}
  - {alert: P90Above900, expr: 'p90[70s] > 900ms'}
  - {alert: P50Above450, expr: 'p50[70s] > 450ms'}
  - {alert: P50Above500, expr: 'p50[70s] > 500ms'}
  - {alert: P50Above600, expr: 'p50[70s] > 600ms'}
  - {alert: P10Above50, expr: 'quantile(0.1)[90s] > 50ms'}
  - {alert: P10Above90, expr: 'quantile(0.1)[90s] > 90ms'}
  - {alert: P10Above150, expr: 'quantile(0.1)[90s] > 150ms'}
)";

// The telemetry of a second of the short life: eu fails from the third on, us is slow from the sixth on, and in every fifth asia has a
// burst.
void feed_short(Engine& engine, int second) {
  const int64_t at = second * 1'000;
  const char* const failed = second % 12 >= 3 ? R"(,"success":false)" : "";
  const char* const slow = second >= 6 ? "350.5" : "20";
  engine.feed(0, event_at(at + 100, fmt::format(R"(,"region":"eu","latency_ms":12{})", failed)));
  engine.feed(1, event_at(at + 300, fmt::format(R"(,"region":"us","latency_ms":{})", slow)));
  engine.feed(0, event_at(at - 400, R"(,"region":"us","latency_ms":30,"success":true)"));
  for (int i = 0; i < 5 && second % 5 == 1; ++i) engine.feed(1, event_at(at + 500 + i, R"(,"region":"asia","latency_ms":5)"));
  engine.run(3);
}

void feed_long(Engine& engine, int second) {
  for (const int64_t ms : {200, 700}) {
    engine.feed(0, event_at(second * 1'000 + ms, fmt::format(R"(,"latency_ms":{})", 10 * second + ms / 100)));
  }
  engine.feed(1, event_at(second * 1'000 + 300, R"(,"success":false)"));
  engine.run(3);
}

EngineOptions engine_options() { return {.inputs = 2}; }

std::vector<log::TopicPartition> topics() { return {{"in", 0}, {"in", 1}, {"partials", 0}, {"changelog", 0}, {"alerts", 0}}; }
std::vector<std::pair<std::string, log::TopicPartition>> consumed() {
  return {{"aggregate", {"in", 0}}, {"aggregate", {"in", 1}}, {"evaluate", {"partials", 0}}};
}
std::string name_of(const log::TopicPartition& partition) { return fmt::format("{}.{}", partition.topic, partition.partition); }

// Takes every partition without reading any, so that offsets can be committed.
class Holder final : public log::ConsumerListener {
 public:
  Result<std::vector<log::StartPosition>> on_assigned(const std::vector<log::Assignment>& partitions) override {
    return std::vector<log::StartPosition>(partitions.size());
  }
  void on_revoked(const std::vector<int32_t>&) override {}
  void on_lost(const std::vector<int32_t>&) override {}
  void on_range_lost(int32_t, int64_t, int64_t) override {}
  void on_end(int32_t, int64_t, WallTime) override {}
  void on_finished(int32_t) override {}
};

void commit_kept_offsets(const Entries& kept, Engine& engine) {
  for (const auto& [group, partition] : consumed()) {
    Holder holder;
    log::MemoryConsumerOptions options;
    options.group = group;
    options.instance_id = "w";
    options.topics = {partition.topic};
    const auto consumer = engine.log.consumer(std::move(options), holder);
    log::RecordBatch batch;
    TOCSIN_CHECK(consumer->poll({0}, batch).ok(), "cannot join " + group);
    log::Transaction transaction;
    transaction.group = consumer->group_metadata();
    const std::string name = name_of(partition);
    const int64_t offset = std::stoll(bytes_of(kept, "offset." + name));
    transaction.offsets.push_back({partition, offset, group == "aggregate" ? bytes_of(kept, "metadata." + name) : ""});
    const auto committed = engine.log.producer("golden")->commit(std::move(transaction));
    TOCSIN_CHECK(committed.ok(), committed.status().message());
  }
}

// Fills a partition up to an offset with what readers skip: offsets of control records were there.
void append_up_to(Engine& engine, const log::TopicPartition& partition, int64_t offset) {
  while (engine.reader->bounds(partition)->second < offset) {
    log::OutRecord nothing;
    nothing.topic = partition.topic;
    nothing.partition = partition.partition;
    TOCSIN_CHECK(engine.log.append(std::move(nothing)).ok(), partition.topic);
  }
}

void append_kept_records(const Entries& kept, const log::TopicPartition& partition, Engine& engine) {
  const std::string prefix = name_of(partition) + ".";
  for (size_t i = 0; i + 1 < kept.size(); ++i) {
    const std::string& name = kept[i].name;
    if (!name.starts_with(prefix) || !name.ends_with(".key")) continue;
    log::OutRecord record;
    record.topic = partition.topic;
    record.partition = partition.partition;
    record.key = *kept[i].bytes;
    record.value = kept[i + 1].bytes;
    const int64_t offset = std::stoll(name.substr(prefix.size()));
    if (partition.topic == "partials") append_up_to(engine, partition, offset);
    // A changelog has no records to skip, but to say the same twice changes nothing.
    while (partition.topic == "changelog" && engine.reader->bounds(partition)->second < offset) {
      TOCSIN_CHECK(engine.log.append(record).ok(), name);
    }
    TOCSIN_CHECK(engine.log.append(std::move(record)).ok(), name);
  }
}

void run_seconds(Engine& engine, const Life& life, int from, int to) {
  for (int second = from; second < to; ++second) life.feed_second(engine, second);
}

}  // namespace

const Life kShortLife{kShortRules, feed_short, 8, 24};
const Life kLongLife{kLongRules, feed_long, 78, 130};

Entries run_to_keep(const Life& life) {
  Engine engine(plan_of(life.rules), engine_options());
  run_seconds(engine, life, 0, life.seconds_before_stop);
  engine.crash();
  Entries entries{{"clock", std::to_string(engine.now_ms)}};
  for (const log::TopicPartition& partition : topics()) {
    for (const log::LogEntry& entry : engine.log.entries(partition)) {
      const std::string name = fmt::format("{}.{}.", name_of(partition), entry.offset);
      entries.push_back({name + "key", entry.key});
      entries.push_back({name + "value", entry.value});
    }
  }
  for (const auto& [group, partition] : consumed()) {
    const std::optional<log::CommittedOffset> offset = engine.log.committed(group, partition);
    TOCSIN_CHECK(offset.has_value(), "nothing committed of " + partition.topic);
    entries.push_back({"offset." + name_of(partition), std::to_string(offset->offset)});
    entries.push_back({"metadata." + name_of(partition), offset->metadata});
  }
  return entries;
}

std::vector<std::string> alerts_of_whole_run(const Life& life) {
  Engine engine(plan_of(life.rules), engine_options());
  run_seconds(engine, life, 0, life.seconds_in_all);
  engine.drain();
  return sorted_lines(engine.alerts());
}

std::vector<std::string> alerts_going_on_from(const Entries& kept, const Life& life) {
  Engine engine(plan_of(life.rules), engine_options());
  engine.crash();
  engine.now_ms = std::stoll(bytes_of(kept, "clock"));
  for (const log::TopicPartition& partition : topics()) append_kept_records(kept, partition, engine);
  append_up_to(engine, {"partials", 0}, std::stoll(bytes_of(kept, "offset.partials.0")));
  commit_kept_offsets(kept, engine);
  engine.start();
  run_seconds(engine, life, life.seconds_before_stop, life.seconds_in_all);
  engine.drain();
  return sorted_lines(engine.alerts());
}

}  // namespace tocsin::golden
