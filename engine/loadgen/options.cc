#include "engine/loadgen/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/base/utf8.h"

namespace tocsin::loadgen {
namespace {

constexpr uint64_t kRateMax = 100'000'000;
constexpr uint32_t kBatchMax = 10'000;
constexpr size_t kNameBytesMax = 256;
constexpr uint64_t kNamesMax = 1'000'000;
constexpr int32_t kPartitionsMax = 10'000;
constexpr uint64_t kActorsMax = 1'000'000'000'000;

bool is_share(double value) { return value >= 0 && value <= 1; }

Status validate_names(const std::vector<std::string>& names, std::string_view flag) {
  if (names.empty()) return invalid_argument(fmt::format("{} names nothing; give at least one name", flag));
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kNameBytesMax) {
      return invalid_argument(fmt::format("{}: a name has 1 to {} bytes", flag, kNameBytesMax));
    }
    if (find_invalid_utf8(name)) return invalid_argument(fmt::format("{}: a name is not UTF-8; its events could not be read", flag));
  }
  return {};
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status validate(const Incident& incident, const LoadOptions& options) {
  if (!contains(options.domains, incident.domain)) {
    return invalid_argument(fmt::format("an incident names the domain '{}', which --domains does not", incident.domain));
  }
  if (!incident.region.empty() && !contains(options.regions, incident.region)) {
    return invalid_argument(fmt::format("an incident names the region '{}', which --regions does not", incident.region));
  }
  return {};
}

Status validate_amounts(const LoadOptions& options) {
  if (!is_share(options.failure_share)) return invalid_argument("--failures is a share from 0 to 1, such as 0.5% or 0.005");
  if (!(options.latency_median_ms > 0) || !std::isfinite(options.latency_median_ms)) {
    return invalid_argument("--latency-median-ms must be greater than 0");
  }
  if (!(options.latency_sigma >= 0) || options.latency_sigma > 5) return invalid_argument("--latency-sigma must be from 0 to 5");
  if (options.success_weight < 1) return invalid_argument("--success-weight must be at least 1");
  if (options.jitter_max.ms < 0) return invalid_argument("--jitter must not be negative");
  return {};
}

Status validate_labels(const LoadOptions& options) {
  if (options.labels.size() > kLoadLabelsMax) return invalid_argument(fmt::format("--label can be given at most {} times", kLoadLabelsMax));
  for (auto label = options.labels.begin(); label != options.labels.end(); ++label) {
    const auto same_name = [&](const LoadLabel& other) { return other.name == label->name; };
    if (label->name == "region") return invalid_argument("--label region: the values of that label are set by --regions");
    if (std::any_of(options.labels.begin(), label, same_name)) {
      return invalid_argument(fmt::format("--label {} is given twice; list its values with commas", label->name));
    }
    TOCSIN_RETURN_IF_ERROR(validate_names({label->name}, "--label"));
    TOCSIN_RETURN_IF_ERROR(validate_names(label->values, "--label"));
  }
  if (options.actors > kActorsMax) return invalid_argument(fmt::format("--actors is at most {}", kActorsMax));
  return {};
}

}  // namespace

Status validate(const LoadOptions& options) {
  if (options.rate < 1 || options.rate > kRateMax) return invalid_argument(fmt::format("--rate must be from 1 to {}", kRateMax));
  if (options.batch < 1 || options.batch > kBatchMax) return invalid_argument(fmt::format("--batch must be from 1 to {}", kBatchMax));
  if (options.partitions < 1 || options.partitions > kPartitionsMax) {
    return invalid_argument(fmt::format("--partitions must be from 1 to {}", kPartitionsMax));
  }
  if ((options.start - options.jitter_max).ms <= 0) return invalid_argument("--start less --jitter must lie after 1970-01-01T00:00:00Z");
  TOCSIN_RETURN_IF_ERROR(validate_names(options.domains, "--domains"));
  TOCSIN_RETURN_IF_ERROR(validate_names(options.regions, "--regions"));
  TOCSIN_RETURN_IF_ERROR(validate_names(options.operations, "--operations"));
  TOCSIN_RETURN_IF_ERROR(validate_labels(options));
  TOCSIN_RETURN_IF_ERROR(validate_amounts(options));
  for (const Incident& incident : options.incidents) TOCSIN_RETURN_IF_ERROR(validate(incident, options));
  return {};
}

uint32_t suitable_batch(uint64_t rate) { return static_cast<uint32_t>(std::clamp<uint64_t>(rate / 10, 1, 100)); }

Result<std::vector<std::string>> parse_names(std::string_view text, std::string_view stem) {
  std::vector<std::string> names;
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (!text.empty() && end == text.data() + text.size()) {
    if (error != std::errc() || count < 1 || count > kNamesMax) {
      return invalid_argument(fmt::format("'{}': a number of names is from 1 to {}", text, kNamesMax));
    }
    for (uint64_t i = 0; i < count; ++i) names.push_back(fmt::format("{}-{}", stem, i));
    return names;
  }
  while (true) {
    const size_t comma = text.find(',');
    const std::string name(text.substr(0, comma));
    if (name.empty()) return invalid_argument("a list of names looks like a,b,c: one of them is empty");
    if (contains(names, name)) return invalid_argument(fmt::format("'{}' is listed twice", name));
    names.push_back(name);
    if (comma == std::string_view::npos) return names;
    text.remove_prefix(comma + 1);
  }
}

Result<LoadLabel> parse_label(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return invalid_argument(fmt::format("'{}': a label looks like version=v1,v2 or pod=200", text));
  }
  LoadLabel label{std::string(text.substr(0, equals)), {}};
  Result<std::vector<std::string>> values = parse_names(text.substr(equals + 1), label.name);
  if (!values.ok()) return values.status();
  label.values = std::move(*values);
  return label;
}

}  // namespace tocsin::loadgen
