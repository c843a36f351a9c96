// kafka_feed BOOTSTRAP TOPIC PARTITION [FILE]: writes each line of a file (or of the standard input) as one message to one partition,
// so that tests can put the very events of a backtest on a real broker.

#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <string>

#include "engine/kafka/plain_producer.h"

namespace {

using tocsin::Duration;
using tocsin::kafka::KafkaPlainProducer;

int fail(const std::string& message) {
  fmt::print(stderr, "kafka_feed: {}\n", message);
  return 1;
}

int feed(const std::string& bootstrap, const std::string& topic, int partition, std::istream& input) {
  auto producer = KafkaPlainProducer::make({{"bootstrap.servers", bootstrap}}, topic);
  if (!producer.ok()) return fail(producer.status().message());
  std::string line;
  uint64_t lines = 0;
  while (std::getline(input, line)) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    while (true) {
      const auto sent = (*producer)->send(partition, line, "");
      if (!sent.ok()) return fail(sent.status().message());
      if (*sent) break;
    }
    ++lines;
  }
  if (const auto flushed = (*producer)->flush(Duration{60'000}); !flushed.ok()) return fail(flushed.message());
  fmt::print("{} messages\n", lines);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5) return fail("usage: kafka_feed BOOTSTRAP TOPIC PARTITION [FILE]");
  if (argc == 4) return feed(argv[1], argv[2], std::stoi(argv[3]), std::cin);
  std::ifstream file(argv[4], std::ios::binary);
  if (!file) return fail(fmt::format("cannot read {}", argv[4]));
  return feed(argv[1], argv[2], std::stoi(argv[3]), file);
}
