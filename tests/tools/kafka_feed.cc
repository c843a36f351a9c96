// kafka_feed BOOTSTRAP TOPIC PARTITION [FILE]: writes each line of a file (or of the standard input) as one message to one partition,
// so that tests can put the very events of a backtest on a real broker. Of a file FILE.pb, each length-delimited message.

#include <fmt/format.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>

#include "engine/kafka/plain_producer.h"

namespace {

using tocsin::Duration;
using tocsin::kafka::KafkaPlainProducer;

constexpr Duration kFlushTimeout{600'000};

int fail(const std::string& message) {
  fmt::print(stderr, "kafka_feed: {}\n", message);
  return 1;
}

// The next message; false at the end.
using Next = std::function<bool(std::string&)>;

bool next_line(std::istream& input, std::string& line) {
  while (std::getline(input, line)) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) return true;
  }
  return false;
}

// A base-128 length, then as many bytes.
bool next_delimited(std::istream& input, std::string& message) {
  size_t length = 0;
  for (int shift = 0;; shift += 7) {
    const int byte = input.get();
    if (byte == std::istream::traits_type::eof()) return false;
    length |= static_cast<size_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
  }
  message.resize(length);
  return static_cast<bool>(input.read(message.data(), static_cast<std::streamsize>(length)));
}

int feed(const std::string& bootstrap, const std::string& topic, int partition, const Next& next, std::string_view content_type) {
  // It waits for a broker that stands still as long as whoever called it does.
  auto producer = KafkaPlainProducer::make({{"bootstrap.servers", bootstrap}, {"message.timeout.ms", "0"}}, topic);
  if (!producer.ok()) return fail(producer.status().message());
  std::string message;
  uint64_t messages = 0;
  while (next(message)) {
    while (true) {
      const auto sent = (*producer)->send(partition, message, content_type);
      if (!sent.ok()) return fail(sent.status().message());
      if (*sent) break;
    }
    ++messages;
  }
  if (const auto flushed = (*producer)->flush(kFlushTimeout); !flushed.ok()) return fail(flushed.message());
  fmt::print("{} messages\n", messages);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5) return fail("usage: kafka_feed BOOTSTRAP TOPIC PARTITION [FILE]");
  const int partition = std::stoi(argv[3]);
  if (argc == 4)
    return feed(
        argv[1], argv[2], partition, [](std::string& line) { return next_line(std::cin, line); }, "");
  std::ifstream file(argv[4], std::ios::binary);
  if (!file) return fail(fmt::format("cannot read {}", argv[4]));
  if (!std::string_view(argv[4]).ends_with(".pb"))
    return feed(
        argv[1], argv[2], partition, [&](std::string& line) { return next_line(file, line); }, "");
  const auto next = [&](std::string& message) { return next_delimited(file, message); };
  return feed(argv[1], argv[2], partition, next, "application/x-protobuf");
}
