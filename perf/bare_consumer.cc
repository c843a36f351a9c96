// bare_consumer BOOTSTRAP TOPIC PARTITIONS MESSAGES: reads a topic from its beginning and only adds up the lengths of the payloads: what
// the client library costs by itself, and so the least that an engine over it can cost. Prints one JSON object. CPU and time are from the
// first message to the last.
//
// Built twice: bare_consumer with the C library's allocator, bare_consumer_mimalloc with the one that `tocsin` is linked with.

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

using std::chrono::steady_clock;

constexpr int kPollMs = 100;
constexpr size_t kBatch = 10'000;
constexpr std::chrono::seconds kPatience{60};  // without a message, before it gives up

int fail(const std::string& message) {
  fmt::print(stderr, "bare_consumer: {}\n", message);
  return 1;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Not from getrusage(), whose figure begins with that of the process that started this one.
long peak_rss_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtol(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

struct Tally {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  steady_clock::time_point begin;
  double cpu_begin = 0;
};

rd_kafka_t* make_client(const char* bootstrap, std::string& error) {
  std::array<char, 512> text{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] :
       {std::pair{"bootstrap.servers", bootstrap}, {"group.id", "bare-consumer"}, {"enable.auto.commit", "false"}}) {
    if (rd_kafka_conf_set(conf, name, value, text.data(), text.size()) != RD_KAFKA_CONF_OK) error = text.data();
  }
  rd_kafka_t* client = error.empty() ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, text.data(), text.size()) : nullptr;
  if (client == nullptr && error.empty()) error = text.data();
  return client;
}

void assign(rd_kafka_t* client, const char* topic, int partitions) {
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(client, list);
  rd_kafka_topic_partition_list_destroy(list);
}

// False: no message came for too long; `error` is then what the client complained of last, if it did.
bool drain(rd_kafka_queue_t* queue, uint64_t wanted, Tally& tally, std::string& error) {
  std::vector<rd_kafka_message_t*> batch(kBatch);
  steady_clock::time_point last = steady_clock::now();
  while (tally.messages < wanted) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue, kPollMs, batch.data(), batch.size());
    if (count > 0 && tally.messages == 0) {
      tally.begin = steady_clock::now();
      tally.cpu_begin = cpu_seconds();
    }
    const uint64_t before = tally.messages;
    for (ssize_t i = 0; i < count; ++i) {
      rd_kafka_message_t* message = batch[static_cast<size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        tally.bytes += message->len;
        ++tally.messages;
      } else {
        error = rd_kafka_message_errstr(message);
      }
      rd_kafka_message_destroy(message);
    }
    if (tally.messages > before) last = steady_clock::now();
    if (steady_clock::now() - last > kPatience) return false;
  }
  return true;
}

int run(const char* bootstrap, const char* topic, int partitions, uint64_t wanted) {
  std::string error;
  rd_kafka_t* client = make_client(bootstrap, error);
  if (client == nullptr) return fail(error);
  assign(client, topic, partitions);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(client);
  Tally tally;
  const bool complete = drain(queue, wanted, tally, error);
  const double cpu = cpu_seconds() - tally.cpu_begin;
  const double wall = std::chrono::duration<double>(steady_clock::now() - tally.begin).count();
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(client);
  rd_kafka_destroy(client);
  if (!complete) {
    return fail(fmt::format("{}: only {} of {} messages came{}{}", topic, tally.messages, wanted, error.empty() ? "" : "; ", error));
  }
  fmt::print(R"({{"messages": {}, "bytes": {}, "wall_s": {:.4f}, "cpu_s": {:.4f}, "peak_rss_bytes": {}}})"
             "\n",
             tally.messages, tally.bytes, wall, cpu, peak_rss_bytes());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fail("usage: bare_consumer BOOTSTRAP TOPIC PARTITIONS MESSAGES");
  return run(argv[1], argv[2], std::atoi(argv[3]), std::strtoull(argv[4], nullptr, 10));
}
