#include "engine/kafka/conf.h"

#include <fmt/format.h>

#include <array>

namespace tocsin::kafka {
namespace {

// librdkafka quotes the value it refuses.
std::string without_secret(std::string text, std::string_view key, const std::string& value) {
  if (!is_secret(key) || value.empty()) return text;
  for (size_t at = text.find(value); at != std::string::npos; at = text.find(value, at + 3)) text.replace(at, value.size(), "***");
  return text;
}

Status apply(rd_kafka_conf_t* conf, const Properties& properties) {
  std::array<char, 512> text{};
  for (const auto& [key, value] : properties) {
    if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), text.data(), text.size()) != RD_KAFKA_CONF_OK) {
      return invalid_argument(
          fmt::format("kafka: {}: {}; see librdkafka's list of properties", key, without_secret(text.data(), key, value)));
    }
  }
  return {};
}

}  // namespace

Result<ConfHandle> make_conf(const Properties& defaults, const Properties& user, const Properties& fixed) {
  ConfHandle conf(rd_kafka_conf_new());
  for (const Properties* layer : {&defaults, &user, &fixed}) {
    if (Status status = apply(conf.get(), *layer); !status.ok()) return status;
  }
  return conf;
}

}  // namespace tocsin::kafka
