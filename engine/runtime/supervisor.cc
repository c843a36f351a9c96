#include "engine/runtime/supervisor.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "engine/base/log_limiter.h"
#include "engine/base/processors.h"
#include "engine/config/topics.h"
#include "engine/http/server.h"
#include "engine/runtime/flight_recorder.h"
#include "engine/runtime/memory_budget.h"
#include "engine/runtime/monitor.h"
#include "engine/runtime/pipeline.h"
#include "engine/runtime/shared_ledger.h"
#include "engine/runtime/status_report.h"
#include "engine/runtime/store_lease.h"
#include "state/rocksdb/rocksdb_store.h"

namespace tocsin {
namespace {

constexpr Duration kPollTimeout{10};

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

// Serves the monitor's pages on a thread of its own.
class HttpThread {
 public:
  static Result<std::unique_ptr<HttpThread>> start(const config::HttpConfig::Listen& listen, const Monitor& monitor) {
    http::ServerOptions options;
    options.host = listen.host;
    options.port = listen.port;
    Result<std::unique_ptr<http::Server>> server = http::Server::listen(std::move(options), monitor.routes());
    if (!server.ok()) return server.status();
    spdlog::info("http: listening on http://{}", (*server)->address());
    return std::unique_ptr<HttpThread>(new HttpThread(std::move(*server)));
  }
  ~HttpThread() {
    server_->stop();
    thread_.join();
  }

 private:
  explicit HttpThread(std::unique_ptr<http::Server> server) : server_(std::move(server)), thread_([this] { server_->run(); }) {}

  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

// The first failure of any worker; it stops the others.
class Outcome {
 public:
  Outcome(std::stop_source& stop, Monitor& monitor) : stop_(stop), monitor_(monitor) {}
  void fail(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = status;
    monitor_.failed(status);
    stop_.request_stop();
  }
  Status status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  std::stop_source& stop_;
  Monitor& monitor_;
  mutable std::mutex mutex_;
  Status status_;
};

struct Environment {
  const config::Config& config;
  config::TopicNames topics;
  std::shared_ptr<const Plan> plan;
  Cluster& cluster;
  uint32_t partials_partitions;
  MemoryBudget memory;
  SharedLedger& ledger;
};

std::string member_name(const config::Config& config, std::string_view role, int index) {
  return fmt::format("{}-{}-{:03}", config.instance, role, index);
}

// Opens something that needs the cluster, for as long as it takes.
template <typename Open>
auto open_patiently(const std::string& what, const std::stop_token& stop, const Open& open) -> decltype(open()) {
  while (true) {
    auto opened = open();
    if (opened.ok() || opened.status().code() != StatusCode::kUnavailable || stop.stop_requested()) return opened;
    spdlog::warn("{}: {}; trying again", what, opened.status().message());
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

Status run_aggregate(const Environment& environment, int index, FlightRecorder recorder, WorkerStatus& status,
                     const std::stop_token& stop) {
  const config::Config& config = environment.config;
  const std::string member = member_name(config, "aggregate", index);
  auto producer = open_patiently(member, stop, [&] { return environment.cluster.producer(Role::kAggregate, member, stop); });
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
  use_memory(environment.memory, config.aggregate.max_series, config.time.group_retention, &environment.ledger, options);
  AggregateWorker worker(options, environment.plan, committer, system_now);
  auto consumer = environment.cluster.consumer(Role::kAggregate, member, environment.memory.queue_bytes, worker);
  if (!consumer.ok()) return consumer.status();
  worker.attach(**consumer);
  recorder.enter(FlightRecorder::Phase::kRunning);
  while (!stop.stop_requested()) {
    TOCSIN_RETURN_IF_ERROR(worker.step(kPollTimeout));
    write_status(worker, status);
    status.metrics.refresh(system_now(), [&] { return worker.metrics(); });
  }
  Status closed = worker.close();
  recorder.enter(FlightRecorder::Phase::kStopped);
  return closed;
}

Status run_evaluate(const Environment& environment, int index, StoreLeases& leases, FlightRecorder recorder, WorkerStatus& status,
                    const std::stop_token& stop) {
  const config::Config& config = environment.config;
  const config::TopicNames& topics = environment.topics;
  const std::string member = member_name(config, "evaluate", index);
  auto producer = open_patiently(member, stop, [&] { return environment.cluster.producer(Role::kEvaluate, member, stop); });
  if (!producer.ok()) return stop.stop_requested() ? Status() : producer.status();
  auto reader = environment.cluster.changelog_reader(member, stop);
  if (!reader.ok()) return reader.status();
  ThreadExecutor executor;
  Committer committer(**producer, executor, recorder, system_now, FlightRecorder::Phase::kCommitted);
  EvaluateOptions options;
  options.worker = member;
  options.changelog_topic = topics.changelog;
  options.alerts = {topics.alerts, topics.alert_states, "tocsin/" + config.app,
                    config.alerts.format == config::AlertsConfig::Format::kJson ? AlertFormat::kJson : AlertFormat::kProtobuf};
  options.partials_partitions = environment.partials_partitions;
  use_memory(environment.memory, &environment.ledger, options);
  EvaluateWorker worker(options, environment.plan, leases, **reader, committer, recorder, system_now);
  auto consumer = environment.cluster.consumer(Role::kEvaluate, member, environment.memory.queue_bytes, worker);
  if (!consumer.ok()) return consumer.status();
  worker.attach(**consumer);
  recorder.enter(FlightRecorder::Phase::kRunning);
  while (!stop.stop_requested()) {
    TOCSIN_RETURN_IF_ERROR(worker.step(kPollTimeout));
    write_status(worker, status);
    status.metrics.refresh(system_now(), [&] { return worker.metrics(); });
  }
  Status closed = worker.close();
  recorder.enter(FlightRecorder::Phase::kStopped);
  return closed;
}

// RocksDB's "[LEVEL] [file:line] text": what it says again and again, from the same place, is let through now and then.
void warn_of_state(std::string_view message) {
  static LogLimiter limiter;
  const std::string_view text = message.substr(0, message.find_last_not_of(" \n") + 1);
  const std::optional<int64_t> held_back = limiter.admit(text.substr(0, text.rfind("] ")));
  if (!held_back) return;
  if (*held_back == 0) {
    spdlog::warn("state: {}", text);
  } else {
    spdlog::warn("state: {} ({} more like this were held back)", text, *held_back);
  }
}

struct StateDirectory {
  std::unique_ptr<state::RocksDbStore> store;
  std::unique_ptr<FlightFile> flight;
};

Result<StateDirectory> open_state(const config::Config& config, const MemoryBudget& memory) {
  const std::filesystem::path directory = std::filesystem::path(config.state.path) / config.instance;
  state::RocksDbOptions options;
  options.path = directory.string();
  options.memory_bytes = std::max<size_t>(memory.store_bytes, state::RocksDbOptions::kMemoryBytesMin);
  options.on_warning = warn_of_state;
  auto store = state::RocksDbStore::open(options);
  if (!store.ok()) return store.status();
  auto flight = FlightFile::open((directory / "flight").string());
  if (!flight.ok()) return flight.status();
  return StateDirectory{std::move(*store), std::move(*flight)};
}

std::vector<std::string> rule_names(const Plan& plan) {
  std::vector<std::string> names;
  names.reserve(plan.rules.size());
  for (const PlannedRule& planned : plan.rules) names.push_back(planned.rule.name);
  return names;
}

// Reports each second until `stop`.
void report(const config::Config& config, Cluster& cluster, const Monitor& monitor, const std::stop_token& stop) {
  ProcessStatus before;
  for (int second = 0; !stop.stop_requested(); ++second) {
    ProcessStatus now = sum_up(monitor.statuses(), before, system_now());
    now.not_ready = monitor.readiness().reasons;
    cluster.signal(status_to_json(now, config.instance));
    if (second % 10 == 0 && second > 0) {
      spdlog::info("{:.0f} events/s, lag {} messages, {} groups, {} alert events, evaluated up to {}", now.events_per_second, now.lag,
                   now.groups, now.alerts, now.evaluated_ms == WorkerStatus::kUnknown ? "nothing yet" : format_rfc3339(now.evaluated_ms));
    }
    before = now;
    for (int i = 0; i < 10 && !stop.stop_requested(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

// How many workers of each role this process runs.
struct WorkerCounts {
  int aggregate = 0;
  int evaluate = 0;
};

Result<WorkerCounts> count_workers(const SupervisorOptions& options, uint32_t partials_partitions) {
  const config::Config& config = options.config;
  const int cores = available_processors();
  WorkerCounts counts;
  if (options.aggregate) counts.aggregate = config.aggregate.workers > 0 ? config.aggregate.workers : cores;
  // More than there are partitions would never have work, not even after a failure elsewhere.
  if (options.evaluate) counts.evaluate = std::min(cores, static_cast<int>(partials_partitions));
  const int most = workers_max(static_cast<size_t>(config.memory_bytes));
  if (counts.aggregate + counts.evaluate <= most) return counts;
  if (options.evaluate) counts.evaluate = std::min(counts.evaluate, options.aggregate ? most / 2 : most);
  if (config.aggregate.workers == 0) counts.aggregate = std::min(counts.aggregate, most - counts.evaluate);
  if (counts.aggregate + counts.evaluate > most) {
    return invalid_argument(
        fmt::format("memory: {} MiB are too little for {} aggregate and {} evaluate workers, of which each takes some megabytes before it "
                    "does anything: set aggregate.workers to {} or less, or raise memory",
                    config.memory_bytes >> 20, counts.aggregate, counts.evaluate, most - counts.evaluate));
  }
  spdlog::warn("memory: {} MiB carry {} aggregate and {} evaluate workers, fewer than there are cores", config.memory_bytes >> 20,
               counts.aggregate, counts.evaluate);
  return counts;
}

// The workers' threads; the destructor waits for them. Their statuses are the monitor's.
class WorkerThreads {
 public:
  using Work = std::function<Status(FlightRecorder, WorkerStatus&)>;

  WorkerThreads(const config::Config& config, FlightFile& flight, std::stop_source& stopping, Monitor& monitor)
      : config_(config), flight_(flight), monitor_(monitor), outcome_(stopping, monitor) {}
  ~WorkerThreads() { join(); }
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  void start(Role role, int index, Work work) {
    const size_t number = threads_.size();
    if (const FlightRecorder::Phase previous = flight_.previous(number); previous != FlightRecorder::Phase::kStopped) {
      spdlog::warn("{} worker {}: the previous process ended {}", to_string(role), index, to_string(previous));
    }
    WorkerStatus& status = monitor_.add_worker(member_name(config_, to_string(role), index), role, flight_.recorder(number));
    threads_.emplace_back([this, work = std::move(work), recorder = flight_.recorder(number), &status] {
      if (const Status ended = work(recorder, status); !ended.ok()) outcome_.fail(ended);
    });
  }
  void join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  Status outcome() const { return outcome_.status(); }

 private:
  const config::Config& config_;
  FlightFile& flight_;
  Monitor& monitor_;
  Outcome outcome_;
  std::vector<std::thread> threads_;
};

}  // namespace

Status supervise(const SupervisorOptions& options, std::shared_ptr<const Plan> plan, Cluster& cluster, const std::stop_token& stop) {
  const config::Config& config = options.config;
  std::stop_source stopping;
  const std::stop_callback forward(stop, [&stopping] { stopping.request_stop(); });
  StateDirectory directory;  // outlives monitor and server, which look into it
  Monitor monitor(rule_names(*plan), system_now);
  const std::stop_callback tell(stopping.get_token(), [&monitor] { monitor.stopping(); });
  monitor.starting("waits for the brokers, to check the topics");
  std::unique_ptr<HttpThread> http;  // before anything that waits for the cluster: it says what is being waited for
  if (config.http.listen) {
    Result<std::unique_ptr<HttpThread>> started = HttpThread::start(*config.http.listen, monitor);
    if (!started.ok()) return started.status();
    http = std::move(*started);
  }
  const std::stop_token stopped = stopping.get_token();
  const Result<uint32_t> partitions = open_patiently("topics", stopped, [&] { return cluster.check_topics(); });
  if (!partitions.ok()) return stop.stop_requested() ? Status() : partitions.status();
  const Result<WorkerCounts> counted = count_workers(options, *partitions);
  if (!counted.ok()) return counted.status();
  const WorkerCounts counts = *counted;
  const MemoryBudget memory = divide_memory(static_cast<size_t>(config.memory_bytes), counts.aggregate, counts.evaluate);
  monitor.starting("opens the state directory");
  Result<StateDirectory> opened = open_state(config, memory);
  if (!opened.ok()) return opened.status();
  directory = std::move(*opened);
  monitor.set_store([&store = *directory.store] { return store.statistics(); });
  StoreLeases leases(*directory.store);

  SharedLedger ledger(memory.group_bytes, counts.evaluate);
  const Environment environment{config, config::TopicNames(config.app), std::move(plan), cluster, *partitions, memory, ledger};
  WorkerThreads workers(config, *directory.flight, stopping, monitor);

  for (int i = 0; i < counts.evaluate; ++i) {
    workers.start(Role::kEvaluate, i, [&, i](FlightRecorder recorder, WorkerStatus& status) {
      return run_evaluate(environment, i, leases, recorder, status, stopped);
    });
  }
  for (int i = 0; i < counts.aggregate; ++i) {
    workers.start(Role::kAggregate, i, [&, i](FlightRecorder recorder, WorkerStatus& status) {
      return run_aggregate(environment, i, recorder, status, stopped);
    });
  }
  monitor.running();
  spdlog::info("{} runs: {} aggregate and {} evaluate workers, {} rules", config.instance, counts.aggregate, counts.evaluate,
               environment.plan->rules.size());
  report(config, cluster, monitor, stopped);
  workers.join();
  monitor.set_store({});
  const Status closed = directory.store->close();
  Status ended = workers.outcome().ok() ? closed : workers.outcome();
  if (ended.ok()) spdlog::info("{} has ended in good order", config.instance);
  return ended;
}

}  // namespace tocsin
