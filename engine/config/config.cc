#include "engine/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "engine/base/yaml/document.h"
#include "engine/base/yaml/suggest.h"
#include "engine/config/expand.h"
#include "engine/config/files.h"
#include "engine/config/schema.h"
#include "engine/config/topics.h"

namespace tocsin::config {
namespace {

enum class Scope {
  kAll,
  kTime,  // only `time` will be used: what a variable, this machine or a later version would have to supply elsewhere is not missed
};

// Where values come from: the file, or one --set.
struct Source {
  const yaml::Document& document;
  bool is_override = false;

  std::string message(yaml::Mark mark, std::string_view text) const {
    return is_override ? fmt::format("{}: {}", document.file, text) : document.message(mark, text);
  }
};

std::string join(std::string_view section, std::string_view name) {
  return section.empty() ? std::string(name) : fmt::format("{}.{}", section, name);
}

// Puts values into a Config, one after the other, and collects what is wrong with them.
class Loader {
 public:
  Loader(Scope scope, const Environment& environment) : scope_(scope), environment_(environment) {}

  void read_file(const yaml::Document& document);
  void read_override(const std::string& text);
  // Last: what only shows when everything is known.
  void finish(const std::string& file);

  CheckedConfig result() && { return {std::move(config_), std::move(errors_)}; }

 private:
  void read(const Source& source, const std::string& path, yaml::Mark key_mark, const yaml::Node& value);
  void read_section(const Source& source, const std::string& section, const yaml::Node& mapping);
  void read_kafka(const Source& source, const std::string& property, yaml::Mark key_mark, const yaml::Node& value);
  void read_key(const Source& source, const Key& key, const yaml::Node& value);
  void unknown_key(const Source& source, yaml::Mark mark, std::string_view section, std::string_view name);
  // A copy with variables replaced; nothing if one of them is missing.
  std::optional<yaml::Node> expanded(const Source& source, std::string_view path, const yaml::Node& value);
  bool expand_in_place(const Source& source, std::string_view path, yaml::Node& value);
  bool matters(std::string_view path) const { return scope_ == Scope::kAll || path.starts_with("time."); }
  void check_input_topics(const std::string& file);

  Scope scope_;
  const Environment& environment_;
  Config config_;
  std::vector<std::string> errors_;
  std::map<std::string, std::string, std::less<>> places_;  // key -> where it was last set, for messages of finish()
};

void Loader::read_file(const yaml::Document& document) {
  const std::filesystem::path directory = std::filesystem::path(document.file).parent_path();
  config_.rules = {"rules/*.yaml"};
  read_section({document}, "", document.root);
  for (std::string& pattern : config_.rules) {
    if (!directory.empty() && !pattern.starts_with('/')) pattern = std::filesystem::path(literal_pattern(directory.string())) / pattern;
  }
}

void Loader::read_override(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    errors_.push_back(fmt::format("--set {}: write it as key=value, such as --set time.resolution=1s", text));
    return;
  }
  const std::string path = text.substr(0, equals);
  const Result<yaml::Document> document = yaml::parse("--set " + path, text.substr(equals + 1));
  if (!document.ok()) {
    errors_.push_back(document.status().message());
    return;
  }
  read({*document, true}, path, document->root.mark, document->root);
}

void Loader::read(const Source& source, const std::string& path, yaml::Mark key_mark, const yaml::Node& value) {
  constexpr std::string_view kKafka = "kafka.";
  if (const Key* key = find_key(path)) {
    read_key(source, *key, value);
  } else if (path.starts_with(kKafka)) {
    read_kafka(source, path.substr(kKafka.size()), key_mark, value);
  } else if (path == "kafka" || !names_in(path).empty()) {
    read_section(source, path, value);
  } else {
    const size_t dot = path.rfind('.');
    const std::string section = dot == std::string::npos ? "" : path.substr(0, dot);
    unknown_key(source, key_mark, section, std::string_view(path).substr(dot == std::string::npos ? 0 : dot + 1));
  }
}

void Loader::read_section(const Source& source, const std::string& section, const yaml::Node& mapping) {
  if (mapping.kind == yaml::Node::Kind::kNull) return;
  if (mapping.kind != yaml::Node::Kind::kMapping) {
    const std::string what = section.empty() ? "the configuration" : section;
    errors_.push_back(
        source.message(mapping.mark, fmt::format("{} must be a mapping of keys to values, not {}", what, mapping.describe())));
    return;
  }
  std::vector<std::string_view> seen;
  for (const yaml::Entry& entry : mapping.entries) {
    const std::string& name = entry.key.text;
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      errors_.push_back(source.message(entry.key.mark, fmt::format("{} is set twice; keep one of them", join(section, name))));
      continue;
    }
    seen.push_back(name);
    // In a file sections are nested; a name with a dot is a property of librdkafka or a mistake.
    if (section != "kafka" && name.find('.') != std::string::npos) {
      unknown_key(source, entry.key.mark, section, name);
    } else {
      read(source, join(section, name), entry.key.mark, entry.value);
    }
  }
}

void Loader::unknown_key(const Source& source, yaml::Mark mark, std::string_view section, std::string_view name) {
  const std::string where = section.empty() ? "" : fmt::format(" in {}", section);
  errors_.push_back(source.message(mark, fmt::format("unknown key '{}'{}{}", name, where, did_you_mean(name, names_in(section)))));
}

bool Loader::expand_in_place(const Source& source, std::string_view path, yaml::Node& value) {
  bool complete = true;
  if (value.is_scalar()) {
    Expansion expansion = expand(value.text, environment_);
    for (const std::string& name : expansion.unset) {
      complete = false;
      if (!matters(path)) continue;
      errors_.push_back(source.message(
          value.mark, fmt::format("{}: the environment variable {} is not set; set it, or write $${{ for a plain ${{", path, name)));
    }
    if (expansion.malformed) {
      complete = false;
      errors_.push_back(source.message(
          value.mark, fmt::format("{}: '${{' must be followed by a variable's name and '}}'; write $${{ for a plain ${{", path)));
    }
    value.text = std::move(expansion.text);
  }
  for (yaml::Node& item : value.items) complete = expand_in_place(source, path, item) && complete;
  return complete;
}

std::optional<yaml::Node> Loader::expanded(const Source& source, std::string_view path, const yaml::Node& value) {
  yaml::Node copy = value;
  if (!expand_in_place(source, path, copy)) return std::nullopt;
  return copy;
}

void Loader::read_key(const Source& source, const Key& key, const yaml::Node& value) {
  const std::optional<yaml::Node> node = expanded(source, key.path, value);
  if (!node) return;
  if (const MaybeProblem wrong = key.read(*node, config_)) {
    if (wrong->unsupported && scope_ == Scope::kTime) return;
    errors_.push_back(source.message(wrong->mark, fmt::format("{}: {}", key.path, wrong->text)));
    return;
  }
  places_[std::string(key.path)] = source.message(value.mark, "");
}

void Loader::read_kafka(const Source& source, const std::string& property, yaml::Mark key_mark, const yaml::Node& value) {
  const std::string path = "kafka." + property;
  const std::optional<yaml::Node> node = expanded(source, path, value);
  if (!node) return;
  if (!node->is_scalar()) {
    errors_.push_back(source.message(value.mark, fmt::format("{}: must be a single value, not {}", path, node->describe())));
    return;
  }
  // Alone, so that a mistake is told with its place; what a broker is called does not matter to that.
  kafka::Properties alone = {{"bootstrap.servers", "placeholder:9092"}};
  alone[property] = node->text;
  if (const Status status = kafka::check_properties(alone); !status.ok()) {
    errors_.push_back(source.message(key_mark, status.message()));
    return;
  }
  config_.kafka[property] = node->text;
}

void Loader::check_input_topics(const std::string& file) {
  const auto place = places_.find("input.topics");
  for (const kafka::TopicSpec& own : own_topics(config_)) {
    if (std::find(config_.input.topics.begin(), config_.input.topics.end(), own.name) == config_.input.topics.end()) continue;
    errors_.push_back(fmt::format("{}input.topics: {} is a topic that this app writes itself; choose another app or input topic",
                                  place == places_.end() ? file + ": " : place->second, own.name));
  }
}

void Loader::finish(const std::string& file) {
  if (scope_ == Scope::kTime) return;
  if (config_.instance.empty() && !places_.contains("instance") && errors_.empty()) {
    yaml::Node host;
    host.kind = yaml::Node::Kind::kScalar;
    host.text = environment_("HOSTNAME").value_or("");
    if (const MaybeProblem wrong = find_key("instance")->read(host, config_)) {
      errors_.push_back(fmt::format("{}: instance is not set, and this host's name cannot stand for it: {}", file, wrong->text));
    }
  }
  check_input_topics(file);
}

CheckedConfig check(std::string_view text, const std::string& file, const std::vector<std::string>& overrides,
                    const Environment& environment, Scope scope) {
  const Result<yaml::Document> document = yaml::parse(file, std::string(text));
  if (!document.ok()) return {{}, {document.status().message()}};
  Loader loader(scope, environment);
  loader.read_file(*document);
  for (const std::string& text_of_one : overrides) loader.read_override(text_of_one);
  loader.finish(file);
  return std::move(loader).result();
}

Result<Config> load(std::string_view text, const std::string& file, const std::vector<std::string>& overrides,
                    const Environment& environment, Scope scope) {
  CheckedConfig checked = check(text, file, overrides, environment, scope);
  if (!checked.errors.empty()) return invalid_argument(fmt::format("{}", fmt::join(checked.errors, "\n")));
  return std::move(checked.config);
}

// What stands for the file where there is none.
constexpr const char* kNoFile = "configuration";

Result<Config> load_path(const std::optional<std::string>& path, const std::vector<std::string>& overrides, Scope scope) {
  if (!path) return load("", kNoFile, overrides, &process_environment, scope);
  const Result<std::string> text = read_file(*path);
  if (!text.ok()) return text.status();
  return load(*text, *path, overrides, &process_environment, scope);
}

Result<ReplayConfig> replay_of(const Result<Config>& config) {
  if (!config.ok()) return config.status();
  return ReplayConfig{config->time, config->state.max_window, config->alerts.severities};
}

}  // namespace

Result<Config> load_config(const std::optional<std::string>& path, const std::vector<std::string>& overrides) {
  return load_path(path, overrides, Scope::kAll);
}

Result<Config> parse_config(std::string_view text, const std::string& file, const std::vector<std::string>& overrides,
                            const Environment& environment) {
  return load(text, file, overrides, environment, Scope::kAll);
}

CheckedConfig check_config(std::string_view text, const std::string& file, const Environment& environment) {
  return check(text, file, {}, environment, Scope::kAll);
}

Result<ReplayConfig> load_replay_config(const std::optional<std::string>& path, const std::vector<std::string>& overrides) {
  return replay_of(load_path(path, overrides, Scope::kTime));
}

Result<ReplayConfig> parse_replay_config(std::string_view text, const std::string& file, const std::vector<std::string>& overrides,
                                         const Environment& environment) {
  return replay_of(load(text, file, overrides, environment, Scope::kTime));
}

}  // namespace tocsin::config
