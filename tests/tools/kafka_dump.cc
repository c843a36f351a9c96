// kafka_dump [--places] BOOTSTRAP TOPIC: prints the values of all committed records, a line each, in partition and offset order, as a
// read_committed consumer sees them now. A tombstone prints "null". With --places: partition, offset, key and value, with tabs between.

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <string>
#include <string_view>

#include "engine/kafka/kafka.h"

namespace {

struct Printer : tocsin::log::PartitionReader::Visitor {
  Printer(bool with_places, int32_t of_partition) : places(with_places), partition(of_partition) {}
  const bool places;
  const int32_t partition;

  tocsin::Status record(const tocsin::log::Record& record) override {
    if (places) fmt::print("{}\t{}\t{}\t", partition, record.offset, record.key);
    fmt::print("{}\n", record.has_value ? record.value : std::string_view("null"));
    return {};
  }
};

int fail(const std::string& message) {
  fmt::print(stderr, "kafka_dump: {}\n", message);
  return 1;
}

int dump(const std::string& bootstrap, const std::string& topic, bool places) {
  const tocsin::kafka::Properties properties = {{"bootstrap.servers", bootstrap}};
  auto admin = tocsin::kafka::KafkaAdmin::open({properties, "kafka-dump", tocsin::Duration{30'000}});
  if (!admin.ok()) return fail(admin.status().message());
  const auto found = (*admin)->describe({topic});
  if (!found.ok()) return fail(found.status().message());
  tocsin::kafka::ReaderOptions options;
  options.user = properties;
  options.client_id = "kafka-dump";
  options.group = "kafka-dump";
  auto reader = tocsin::kafka::open_reader(std::move(options));
  if (!reader.ok()) return fail(reader.status().message());
  for (int32_t partition = 0; partition < found->front().partitions; ++partition) {
    const tocsin::log::TopicPartition where{topic, partition};
    const auto bounds = (*reader)->bounds(where);
    if (!bounds.ok()) return fail(bounds.status().message());
    Printer printer(places, partition);
    if (bounds->first == bounds->second) continue;
    if (const auto read = (*reader)->read(where, bounds->first, bounds->second, printer); !read.ok()) return fail(read.message());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool places = argc == 4 && std::string_view(argv[1]) == "--places";
  spdlog::set_default_logger(spdlog::stderr_color_mt("kafka_dump"));  // what the client says is no record
  if (argc != 3 && !places) return fail("usage: kafka_dump [--places] BOOTSTRAP TOPIC");
  return dump(argv[argc - 2], argv[argc - 1], places);
}
