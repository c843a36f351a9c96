#include "engine/loadgen/incidents.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "engine/base/yaml/document.h"
#include "engine/base/yaml/reader.h"

namespace tocsin::loadgen {
namespace {

constexpr double kFactorMax = 1e6;

using yaml::MappingReader;
using yaml::Node;
using yaml::Problems;

// Each of these reads one of the effects, if it is there, and says whether it was.

bool read_error_rate(MappingReader& reader, Incident& incident, Problems& problems) {
  const Node* node = reader.node("error_rate");
  if (node == nullptr) return false;
  const std::optional<double> share = node->is_scalar() ? parse_share(node->text) : std::nullopt;
  if (!share)
    problems.add(node->mark, fmt::format("'error_rate' must be a share from 0 to 1, such as 60% or 0.6, not {}", node->describe()));
  incident.kind = Incident::Kind::kErrorRate;
  incident.amount = share.value_or(0);
  return true;
}

bool read_latency_factor(MappingReader& reader, Incident& incident, Problems& problems) {
  const Node* node = reader.node("latency_factor");
  if (node == nullptr) return false;
  const std::optional<double> factor = node->is_scalar() ? parse_number(node->text) : std::nullopt;
  if (!factor || *factor < 0 || *factor > kFactorMax) {
    problems.add(node->mark,
                 fmt::format("'latency_factor' must be a number from 0 to {:.0f}, such as 16, not {}", kFactorMax, node->describe()));
  }
  incident.kind = Incident::Kind::kLatencyFactor;
  incident.amount = factor.value_or(1);
  return true;
}

bool read_silence(MappingReader& reader, Incident& incident) {
  if (!reader.boolean("silence").value_or(false)) return false;
  incident.kind = Incident::Kind::kSilence;
  return true;
}

Incident read_incident(const Node& node, Problems& problems) {
  MappingReader reader(node, "an incident", problems);
  Incident incident;
  incident.at = reader.duration("at", MappingReader::kRequired).value_or(Duration{});
  incident.length = reader.duration("for", MappingReader::kRequired).value_or(Duration{});
  incident.domain = reader.text("domain", MappingReader::kRequired).value_or("");
  incident.region = reader.text("region").value_or("");
  const bool silence = read_silence(reader, incident);
  const bool error_rate = read_error_rate(reader, incident, problems);
  const bool latency_factor = read_latency_factor(reader, incident, problems);
  reader.finish();
  if (reader.ok() && silence + error_rate + latency_factor != 1) {
    problems.add(node.mark, "an incident has exactly one of error_rate, latency_factor and silence: true");
  }
  return incident;
}

}  // namespace

Result<std::vector<Incident>> parse_incidents(std::string_view text, const std::string& file) {
  const Result<yaml::Document> document = yaml::parse(file, std::string(text));
  if (!document.ok()) return document.status();
  std::vector<Incident> incidents;
  Problems problems(*document);
  switch (const Node& root = document->root; root.kind) {
    case Node::Kind::kNull: break;
    case Node::Kind::kSequence:
      for (const Node& item : root.items) incidents.push_back(read_incident(item, problems));
      break;
    case Node::Kind::kScalar:
    case Node::Kind::kMapping: incidents.push_back(read_incident(root, problems));
  }
  TOCSIN_RETURN_IF_ERROR(problems.status());
  return incidents;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (text.empty() || error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> parse_share(std::string_view text) {
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const std::optional<double> number = parse_number(text);
  if (!number) return std::nullopt;
  const double share = percent ? *number / 100 : *number;
  if (share < 0 || share > 1) return std::nullopt;
  return share;
}

}  // namespace tocsin::loadgen
