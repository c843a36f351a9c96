#include "engine/runtime/supervisor.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "engine/config/topics.h"
#include "engine/kafka/kafka.h"
#include "engine/kafka/plain_producer.h"
#include "engine/runtime/flight_recorder.h"
#include "engine/runtime/pipeline.h"
#include "state/rocksdb/rocksdb_store.h"

namespace tocsin {
namespace {

constexpr Duration kPollTimeout{10};
constexpr Duration kTombstonesKept{24LL * 3600 * 1000};  // delete.retention.ms of the changelog, see engine/config/topics.cc

// Runs a worker's transactions, one after the other, on a thread of its own.
class ThreadExecutor final : public Executor {
 public:
  ThreadExecutor() : thread_([this] { serve(); }) {}
  ~ThreadExecutor() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void run(std::function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
    wake_.notify_one();
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !work_.empty(); });
      if (work_.empty()) return;
      const std::function<void()> work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;
  bool stopping_ = false;
  std::thread thread_;
};

// The first failure of any worker; it stops the others.
class Outcome {
 public:
  explicit Outcome(std::stop_source& stop) : stop_(stop) {}
  void fail(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = status;
    stop_.request_stop();
  }
  Status status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  std::stop_source& stop_;
  mutable std::mutex mutex_;
  Status status_;
};

struct Environment {
  const config::Config& config;
  config::TopicNames topics;
  std::shared_ptr<const Plan> plan;
  uint32_t partials_partitions;
  size_t queue_bytes;  // of each consumer
};

std::string member_name(const config::Config& config, std::string_view role, int index) {
  return fmt::format("{}-{}-{:03}", config.instance, role, index);
}

kafka::ConsumerOptions consumer_options(const Environment& environment, std::string_view role, const std::string& member) {
  kafka::ConsumerOptions options;
  options.user = environment.config.kafka;
  options.client_id = member;
  options.group = fmt::format("{}-{}", environment.config.app, role);
  options.member = member;
  options.queue_bytes = static_cast<int64_t>(environment.queue_bytes);
  options.clock = system_now;
  return options;
}

kafka::ProducerOptions producer_options(const Environment& environment, const std::string& member, std::vector<std::string> topics,
                                        const std::stop_token& stop) {
  kafka::ProducerOptions options;
  options.user = environment.config.kafka;
  options.client_id = member;
  options.transactional_id = fmt::format("{}-{}", environment.config.app, member);
  options.topics = std::move(topics);
  options.stop = stop;
  return options;
}

// Opens something that needs the broker, for as long as it takes.
template <typename Open>
auto open_patiently(const std::string& what, const std::stop_token& stop, const Open& open) -> decltype(open()) {
  while (true) {
    auto opened = open();
    if (opened.ok() || opened.status().code() != StatusCode::kUnavailable || stop.stop_requested()) return opened;
    spdlog::warn("{}: {}; trying again", what, opened.status().message());
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

Status run_aggregate(const Environment& environment, int index, FlightRecorder recorder, WorkerStatus& status, const std::stop_token& stop) {
  const config::Config& config = environment.config;
  const std::string member = member_name(config, "aggregate", index);
  auto producer = open_patiently(member, stop, [&] {
    return kafka::open_producer(producer_options(environment, member, {environment.topics.partials, environment.topics.dead_letters}, {}));
  });
  if (!producer.ok()) return stop.stop_requested() ? Status() : producer.status();
  ThreadExecutor executor;
  Committer committer(**producer, executor, recorder, system_now);
  AggregateOptions options = aggregate_options(config.time);
  options.worker = member;
  options.partials_topic = environment.topics.partials;
  options.dead_letters_topic = environment.topics.dead_letters;
  options.partials_partitions = environment.partials_partitions;
  options.format = config.input.format == config::InputConfig::Format::kJson       ? Format::kJson
                   : config.input.format == config::InputConfig::Format::kProtobuf ? Format::kProtobuf
                                                                                   : Format::kAuto;
  options.start = config.input.start;
  options.flush_interval = config.aggregate.flush_interval;
  AggregateWorker worker(options, environment.plan, committer, system_now);
  kafka::ConsumerOptions consume = consumer_options(environment, "aggregate", member);
  consume.topics = config.input.topics;
  consume.assignor = kafka::Assignor::kRoundRobin;
  auto consumer = kafka::open_consumer(std::move(consume), worker);
  if (!consumer.ok()) return consumer.status();
  worker.attach(**consumer);
  recorder.enter(FlightRecorder::Phase::kRunning);
  while (!stop.stop_requested()) {
    TOCSIN_RETURN_IF_ERROR(worker.step(kPollTimeout));
    status.events = worker.events().events;
    status.late = worker.events().late;
    status.dropped_late = worker.events().dropped_late;
    status.messages = worker.counters().messages;
    status.dead_letters = worker.counters().dead_letters;
    status.series = worker.series_count();
    status.lag = worker.lag();
  }
  const Status closed = worker.close();
  recorder.enter(FlightRecorder::Phase::kStopped);
  return closed;
}

Status run_evaluate(const Environment& environment, int index, state::Store& store, FlightRecorder recorder, WorkerStatus& status,
                    const std::stop_token& stop) {
  const config::Config& config = environment.config;
  const config::TopicNames& topics = environment.topics;
  const std::string member = member_name(config, "evaluate", index);
  auto producer = open_patiently(member, stop, [&] {
    return kafka::open_producer(producer_options(environment, member, {topics.alerts, topics.alert_states, topics.changelog}, {}));
  });
  if (!producer.ok()) return stop.stop_requested() ? Status() : producer.status();
  kafka::ReaderOptions read;
  read.user = config.kafka;
  read.client_id = member + "-restore";
  read.group = config.app + "-evaluate";
  read.stop = stop;
  auto reader = kafka::open_reader(std::move(read));
  if (!reader.ok()) return reader.status();
  ThreadExecutor executor;
  Committer committer(**producer, executor, recorder, system_now);
  EvaluateOptions options;
  options.worker = member;
  options.changelog_topic = topics.changelog;
  options.alerts = {topics.alerts, topics.alert_states, "tocsin/" + config.app,
                    config.alerts.format == config::AlertsConfig::Format::kJson ? AlertFormat::kJson : AlertFormat::kProtobuf};
  options.partials_partitions = environment.partials_partitions;
  options.tombstones_kept = kTombstonesKept;
  EvaluateWorker worker(options, environment.plan, store, **reader, committer, recorder, system_now);
  kafka::ConsumerOptions consume = consumer_options(environment, "evaluate", member);
  consume.topics = {topics.partials};
  consume.assignor = kafka::Assignor::kRange;
  consume.read_content_type = false;
  auto consumer = kafka::open_consumer(std::move(consume), worker);
  if (!consumer.ok()) return consumer.status();
  worker.attach(**consumer);
  recorder.enter(FlightRecorder::Phase::kRunning);
  while (!stop.stop_requested()) {
    TOCSIN_RETURN_IF_ERROR(worker.step(kPollTimeout));
    status.groups = worker.group_count();
    status.alerts = worker.counters().alerts;
    status.commits = worker.counters().commits;
    const std::optional<EventTime> evaluated = worker.evaluated();
    status.evaluated_ms = evaluated ? evaluated->ms : WorkerStatus::kUnknown;
  }
  const Status closed = worker.close();
  recorder.enter(FlightRecorder::Phase::kStopped);
  return closed;
}

// The topics as they have to be, and the number of partials partitions.
Result<uint32_t> check_topics(const config::Config& config, const std::stop_token& stop) {
  auto admin = kafka::KafkaAdmin::open({config.kafka, config.instance + "-admin", Duration{10'000}});
  if (!admin.ok()) return admin.status();
  const auto found = open_patiently("topics", stop, [&] { return (*admin)->describe(config::topic_names(config)); });
  if (!found.ok()) return found.status();
  std::vector<std::string> findings = config::check_input_topics(config, *found);
  const std::vector<std::string> own = config::check_own_topics(config, *found);
  findings.insert(findings.end(), own.begin(), own.end());
  if (!findings.empty()) return invalid_argument(fmt::format("the topics are not as they have to be:\n  {}", fmt::join(findings, "\n  ")));
  const config::TopicNames names(config.app);
  const auto partials = std::find_if(found->begin(), found->end(), [&](const auto& topic) { return topic.name == names.partials; });
  return static_cast<uint32_t>(partials->partitions);
}

struct StateDirectory {
  std::unique_ptr<state::RocksDbStore> store;
  std::unique_ptr<FlightFile> flight;
};

Result<StateDirectory> open_state(const config::Config& config) {
  const std::filesystem::path directory = std::filesystem::path(config.state.path) / config.instance;
  state::RocksDbOptions options;
  options.path = directory.string();
  options.memory_bytes = std::max<size_t>(static_cast<size_t>(config.memory_bytes) / 8, state::RocksDbOptions::kMemoryBytesMin);
  options.on_warning = [](std::string_view message) { spdlog::warn("state: {}", message); };
  auto store = state::RocksDbStore::open(options);
  if (!store.ok()) return store.status();
  auto flight = FlightFile::open((directory / "flight").string());
  if (!flight.ok()) return flight.status();
  return StateDirectory{std::move(*store), std::move(*flight)};
}

// Reports each second until `stop`.
void report(const config::Config& config, const std::string& topic, const std::vector<const WorkerStatus*>& workers, const std::stop_token& stop) {
  auto signals = kafka::KafkaPlainProducer::make(config.kafka, topic);
  if (!signals.ok()) spdlog::warn("no status signals: {}", signals.status().message());
  ProcessStatus before;
  for (int second = 0; !stop.stop_requested(); ++second) {
    const ProcessStatus now = sum_up(workers, before, system_now());
    if (signals.ok()) {
      (void)(*signals)->send(0, status_to_json(now, config.instance), "application/json");  // at most once: the next one follows
      (*signals)->poll();
    }
    if (second % 10 == 0 && second > 0) {
      spdlog::info("{:.0f} events/s, lag {} messages, {} groups, {} alert events, evaluated up to {}", now.events_per_second, now.lag, now.groups,
                   now.alerts, now.evaluated_ms == WorkerStatus::kUnknown ? "nothing yet" : format_rfc3339(now.evaluated_ms));
    }
    before = now;
    for (int i = 0; i < 10 && !stop.stop_requested(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

Status supervise(const SupervisorOptions& options, std::shared_ptr<const Plan> plan, std::stop_token stop) {
  const config::Config& config = options.config;
  std::stop_source stopping;
  const std::stop_callback forward(stop, [&stopping] { stopping.request_stop(); });
  const Result<uint32_t> partitions = check_topics(config, stopping.get_token());
  if (!partitions.ok()) return stop.stop_requested() ? Status() : partitions.status();
  Result<StateDirectory> directory = open_state(config);
  if (!directory.ok()) return directory.status();

  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const int aggregates = options.aggregate ? (config.aggregate.workers > 0 ? config.aggregate.workers : cores) : 0;
  const int evaluates = options.evaluate ? 1 : 0;
  const size_t queue_bytes = static_cast<size_t>(config.memory_bytes) / 4 / static_cast<size_t>(std::max(1, aggregates + evaluates));
  const Environment environment{config, config::TopicNames(config.app), std::move(plan), *partitions, queue_bytes};
  Outcome outcome(stopping);
  std::deque<WorkerStatus> statuses;
  std::vector<const WorkerStatus*> all;
  std::vector<std::thread> threads;
  FlightFile& flight = *directory->flight;
  const auto start = [&](auto work) {
    const size_t number = threads.size();
    if (flight.previous(number) != FlightRecorder::Phase::kStopped) {
      spdlog::warn("worker {}: the previous process ended {}", number, to_string(flight.previous(number)));
    }
    WorkerStatus& status = statuses.emplace_back();
    all.push_back(&status);
    threads.emplace_back([&outcome, work, recorder = flight.recorder(number), &status] {
      if (const Status ended = work(recorder, status); !ended.ok()) outcome.fail(ended);
    });
  };
  for (int i = 0; i < evaluates; ++i) {
    start([&, i](FlightRecorder recorder, WorkerStatus& status) {
      return run_evaluate(environment, i, *directory->store, recorder, status, stopping.get_token());
    });
  }
  for (int i = 0; i < aggregates; ++i) {
    start([&, i](FlightRecorder recorder, WorkerStatus& status) { return run_aggregate(environment, i, recorder, status, stopping.get_token()); });
  }
  spdlog::info("{} runs: {} aggregate and {} evaluate workers, {} rules", config.instance, aggregates, evaluates, environment.plan->rules.size());
  report(config, environment.topics.signals, all, stopping.get_token());
  for (std::thread& thread : threads) thread.join();
  const Status closed = directory->store->close();
  return outcome.status().ok() ? closed : outcome.status();
}

}  // namespace tocsin
