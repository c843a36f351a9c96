#include "engine/config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/base/instant.h"

namespace tocsin::config {
namespace {

constexpr Duration kMs{1};
constexpr Duration kSecond{1000};
constexpr Duration kDay{24LL * 3600 * 1000};
constexpr Duration kLongest = kDay * 3650;
constexpr int64_t kMemoryMin = 128LL << 20;
constexpr size_t kAppBytesMax = 200;       // "<app>.alert-states" still fits into Kafka's 249 for a topic
constexpr size_t kInstanceBytesMax = 128;  // a directory is named so; ids that it is a part of have no such bound
constexpr size_t kTopicBytesMax = 249;

MaybeProblem read_resolution(const yaml::Node& node, Config& config) {
  Duration value;
  if (MaybeProblem wrong = read_duration(node, kMs, kSecond, value)) return wrong;
  if (kSecond.ms % value.ms != 0) {
    return problem(node, fmt::format("must divide 1s, which {} does not; 100ms, 200ms, 250ms, 500ms and 1s do", node.text));
  }
  config.time.resolution = value;
  return std::nullopt;
}

MaybeProblem read_idle_timeout(const yaml::Node& node, Config& config) {
  if (node.is_scalar() && node.text == "never") {
    config.time.idle_timeout = std::nullopt;
    return std::nullopt;
  }
  Duration value;
  if (MaybeProblem wrong = read_duration(node, Duration{0}, kLongest, value)) return wrong;
  if (value.ms == 0) return problem(node, "must be longer than 0; write never to wait for an idle partition for ever");
  config.time.idle_timeout = value;
  return std::nullopt;
}

MaybeProblem read_input_topics(const yaml::Node& node, Config& config) {
  std::vector<std::string> topics;
  if (MaybeProblem wrong = read_texts(node, topics)) return wrong;
  if (topics.empty()) return problem(node, "must name at least one topic");
  for (const yaml::Node& item : node.items) {
    std::string name;
    if (MaybeProblem wrong = read_name(item, kTopicBytesMax, name)) return wrong;
  }
  config.input.topics = std::move(topics);
  return std::nullopt;
}

MaybeProblem read_input_format(const yaml::Node& node, Config& config) {
  for (const std::string_view later : {"otlp_proto", "otlp_json"}) {
    if (node.is_scalar() && node.text == later) {
      return Problem{node.mark, fmt::format("{} is not supported by this version yet; auto, protobuf and json are", later), true};
    }
  }
  using Format = InputConfig::Format;
  return read_choice<Format>(node, {{"auto", Format::kAuto}, {"protobuf", Format::kProtobuf}, {"json", Format::kJson}},
                             config.input.format);
}

MaybeProblem read_input_start(const yaml::Node& node, Config& config) {
  using Kind = log::StartPosition::Kind;
  if (node.is_scalar() && node.text == "earliest") {
    config.input.start = {Kind::kEarliest, 0};
    return std::nullopt;
  }
  if (node.is_scalar() && node.text == "latest") {
    config.input.start = {Kind::kLatest, 0};
    return std::nullopt;
  }
  const std::optional<int64_t> ms = node.is_scalar() ? parse_instant(node.text) : std::nullopt;
  if (!ms || *ms < 0) {
    return problem(
        node, fmt::format("must be earliest, latest, a time such as 2026-01-31T08:00:00Z or Unix milliseconds, not {}", node.describe()));
  }
  config.input.start = {Kind::kTime, *ms};
  return std::nullopt;
}

MaybeProblem read_workers(const yaml::Node& node, Config& config) {
  if (node.is_scalar() && node.text == "auto") {
    config.aggregate.workers = 0;
    return std::nullopt;
  }
  int32_t workers = 0;
  if (MaybeProblem wrong = read_integer(node, 1, 256, workers))
    return problem(node, "must be auto or a whole number from 1 to 256, not " + node.describe());
  config.aggregate.workers = workers;
  return std::nullopt;
}

MaybeProblem read_severities(const yaml::Node& node, Config& config) {
  std::vector<std::string> severities;
  if (MaybeProblem wrong = read_texts(node, severities)) return wrong;
  if (severities.empty()) return problem(node, "must name at least one severity");
  for (const yaml::Node& item : node.items) {
    if (item.text == "page" || item.text == "ticket") {
      return problem(item,
                     fmt::format("'{}' ranks {} all others by itself; leave it out", item.text, item.text == "page" ? "above" : "below"));
    }
  }
  config.alerts.severities = std::move(severities);
  return std::nullopt;
}

MaybeProblem read_listen(const yaml::Node& node, Config& config) {
  const auto wrong = [&] {
    return problem(node,
                   fmt::format("must be an address and a port, such as 127.0.0.1:8080, [::1]:8080 or :8080, not {}", node.describe()));
  };
  if (!node.is_scalar()) return wrong();
  const std::string_view text = node.text;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  // An IPv6 address without brackets: where it ends and the port begins is anybody's guess.
  if (host.find_first_of(in_brackets ? "[] /" : "[]: /") != std::string_view::npos) return wrong();
  HttpConfig::Listen listen{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), listen.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) return wrong();
  config.http.listen = std::move(listen);
  return std::nullopt;
}

MaybeProblem refuse_http_tokens(const yaml::Node& node, Config&) {
  return Problem{node.mark, "this version serves nothing over HTTP that could be written to, so there is nothing to guard; leave it out",
                 true};
}

MaybeProblem refuse_http_tls(const yaml::Node& node, Config&) {
  return Problem{node.mark,
                 "TLS is not supported by this version yet; leave it out, and listen on an address that only those may reach who shall",
                 true};
}

using AlertFormat = AlertsConfig::Format;
using N = const yaml::Node;
using C = Config;

constexpr std::array kKeys = {
    Key{"app", [](N& n, C& c) { return read_name(n, kAppBytesMax, c.app); }},
    Key{"instance", [](N& n, C& c) { return read_name(n, kInstanceBytesMax, c.instance); }},
    Key{"memory", [](N& n, C& c) { return read_bytes(n, kMemoryMin, c.memory_bytes); }},
    Key{"input.topics", &read_input_topics},
    Key{"input.format", &read_input_format},
    Key{"input.start", &read_input_start},
    Key{"topics.partitions", [](N& n, C& c) { return read_integer(n, 1, 1000, c.topics.partitions); }},
    Key{"topics.replication_factor", [](N& n, C& c) { return read_integer(n, 1, 15, c.topics.replication_factor); }},
    Key{"topics.retention", [](N& n, C& c) { return read_duration(n, kSecond * 60, kLongest, c.topics.retention); }},
    Key{"rules", [](N& n, C& c) { return read_texts(n, c.rules); }},
    Key{"time.resolution", &read_resolution},
    Key{"time.max_out_of_orderness", [](N& n, C& c) { return read_duration(n, Duration{0}, kLongest, c.time.max_out_of_orderness); }},
    Key{"time.allowed_lateness", [](N& n, C& c) { return read_duration(n, Duration{0}, kLongest, c.time.allowed_lateness); }},
    Key{"time.max_future_skew", [](N& n, C& c) { return read_duration(n, Duration{0}, kLongest, c.time.max_future_skew); }},
    Key{"time.group_retention", [](N& n, C& c) { return read_duration(n, kMs, kLongest, c.time.group_retention); }},
    Key{"time.idle_timeout", &read_idle_timeout},
    Key{"aggregate.workers", &read_workers},
    Key{"aggregate.flush_interval", [](N& n, C& c) { return read_duration(n, Duration{10}, kSecond * 10, c.aggregate.flush_interval); }},
    Key{"aggregate.max_series", [](N& n, C& c) { return read_integer(n, int64_t{100}, int64_t{1'000'000'000}, c.aggregate.max_series); }},
    Key{"aggregate.contributors", [](N& n, C& c) { return read_texts(n, c.aggregate.contributors); }},
    Key{"state.path", [](N& n, C& c) { return read_text(n, c.state.path); }},
    Key{"state.max_window", [](N& n, C& c) { return read_duration(n, kSecond, kLongest, c.state.max_window); }},
    Key{"alerts.format",
        [](N& n, C& c) {
          return read_choice<AlertFormat>(n, {{"json", AlertFormat::kJson}, {"protobuf", AlertFormat::kProtobuf}}, c.alerts.format);
        }},
    Key{"alerts.severities", &read_severities},
    Key{"http.listen", &read_listen},
    Key{"http.tokens", &refuse_http_tokens},
    Key{"http.tls", &refuse_http_tls},
};

}  // namespace

const Key* find_key(std::string_view path) {
  const auto* found = std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.path == path; });
  return found == kKeys.end() ? nullptr : found;
}

std::vector<std::string_view> names_in(std::string_view section) {
  std::vector<std::string_view> names;
  if (section.empty()) names.emplace_back("kafka");
  for (const Key& key : kKeys) {
    std::string_view rest = key.path;
    if (!section.empty()) {
      if (!rest.starts_with(section) || rest.size() == section.size() || rest[section.size()] != '.') continue;
      rest.remove_prefix(section.size() + 1);
    }
    rest = rest.substr(0, rest.find('.'));
    if (std::find(names.begin(), names.end(), rest) == names.end()) names.push_back(rest);
  }
  return names;
}

}  // namespace tocsin::config
