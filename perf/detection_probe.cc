// detection_probe BOOTSTRAP INPUT_TOPIC INPUT_PARTITIONS ALERTS_TOPIC ALERT_PARTITIONS PROBES: how long it takes from an event to its
// alert.
//
// Now and then it writes one failed operation of domain `probe` with a label `probe` of its own, on which a rule has to fire, and waits for
// the alert event with that label, as a notification service would: read committed. One clock, one process. Prints one JSON object: the
// milliseconds from handing the event to the client library to having the alert event in hand, for each probe.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kShortestPause{200};    // between probes
constexpr milliseconds kLongestPause{700};     // at all phases of the grid of ticks
constexpr std::chrono::seconds kPatience{30};  // for the last alert events

int fail(const std::string& message) {
  fmt::print(stderr, "detection_probe: {}\n", message);
  return 1;
}

using Properties = std::vector<std::pair<const char*, const char*>>;

rd_kafka_t* make_client(rd_kafka_type_t type, const Properties& properties, std::string& error) {
  std::array<char, 512> text{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name, value, text.data(), text.size()) != RD_KAFKA_CONF_OK) error = text.data();
  }
  rd_kafka_t* client = error.empty() ? rd_kafka_new(type, conf, text.data(), text.size()) : nullptr;
  if (client == nullptr && error.empty()) error = text.data();
  return client;
}

// From the end of what is there now.
void assign(rd_kafka_t* client, const char* topic, int partitions) {
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) {
    int64_t low = 0;
    int64_t high = 0;
    rd_kafka_query_watermark_offsets(client, topic, p, &low, &high, 10'000);
    rd_kafka_topic_partition_list_add(list, topic, p)->offset = high;
  }
  rd_kafka_assign(client, list);
  rd_kafka_topic_partition_list_destroy(list);
}

// The value of a JSON string member, if there is one; our own labels need no escapes.
std::string_view member(std::string_view json, const std::string& name) {
  const std::string key = fmt::format("\"{}\":\"", name);
  const size_t at = json.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = json.substr(at + key.size());
  return rest.substr(0, rest.find('"'));
}

class Probes {
 public:
  void send(rd_kafka_t* producer, const char* topic, int partition) {
    const std::string name = fmt::format("p{}", next_++);
    const auto now = std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    const std::string event = fmt::format(R"({{"ts":{},"domain":"probe","success":false,"labels":{{"probe":"{}"}}}})", now, name);
    sent_[name] = steady_clock::now();
    rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                      RD_KAFKA_V_VALUE(const_cast<char*>(event.data()), event.size()), RD_KAFKA_V_END);
    rd_kafka_poll(producer, 0);
  }

  void take(std::string_view alert) {
    const auto now = steady_clock::now();
    const auto found = sent_.find(std::string(member(alert, "probe")));
    if (member(alert, "state") != "firing" || found == sent_.end()) return;
    delays_ms_.push_back(std::chrono::duration<double, std::milli>(now - found->second).count());
    sent_.erase(found);
  }

  size_t answered() const { return delays_ms_.size(); }
  const std::vector<double>& delays_ms() const { return delays_ms_; }

 private:
  size_t next_ = 0;
  std::map<std::string, steady_clock::time_point> sent_;  // and not answered
  std::vector<double> delays_ms_;
};

// Takes alert events until then.
void listen_until(rd_kafka_t* consumer, Probes& probes, steady_clock::time_point end) {
  while (steady_clock::now() < end) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 5);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) probes.take({static_cast<const char*>(message->payload), message->len});
    rd_kafka_message_destroy(message);
  }
}

int run(const char* bootstrap, const char* input, int inputs, const char* alerts, int outputs, size_t count) {
  std::string error;
  rd_kafka_t* producer = make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", bootstrap}, {"linger.ms", "0"}}, error);
  if (producer == nullptr) return fail(error);
  rd_kafka_t* consumer = make_client(RD_KAFKA_CONSUMER,
                                     {{"bootstrap.servers", bootstrap},
                                      {"group.id", "detection-probe"},
                                      {"enable.auto.commit", "false"},
                                      {"isolation.level", "read_committed"},
                                      {"fetch.wait.max.ms", "10"}},
                                     error);
  if (consumer == nullptr) return fail(error);
  assign(consumer, alerts, outputs);
  Probes probes;
  std::mt19937 random(1);
  std::uniform_int_distribution<milliseconds::rep> pause(kShortestPause.count(), kLongestPause.count());
  listen_until(consumer, probes, steady_clock::now() + std::chrono::seconds(2));  // until both are connected
  for (size_t n = 0; n < count; ++n) {
    probes.send(producer, input, static_cast<int>(n) % inputs);
    listen_until(consumer, probes, steady_clock::now() + milliseconds(pause(random)));
  }
  const steady_clock::time_point end = steady_clock::now() + kPatience;
  while (probes.answered() < count && steady_clock::now() < end) listen_until(consumer, probes, steady_clock::now() + milliseconds(20));
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  rd_kafka_destroy(producer);
  fmt::print("{{\"probes\": {}, \"delays_ms\": [{:.1f}]}}\n", count, fmt::join(probes.delays_ms(), ", "));
  return probes.answered() == count ? 0 : fail(fmt::format("only {} of {} probes raised an alert", probes.answered(), count));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return fail("usage: detection_probe BOOTSTRAP INPUT_TOPIC INPUT_PARTITIONS ALERTS_TOPIC ALERT_PARTITIONS PROBES");
  return run(argv[1], argv[2], std::atoi(argv[3]), argv[4], std::atoi(argv[5]), std::strtoull(argv[6], nullptr, 10));
}
