#include "engine/runtime/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/base/yaml/document.h"
#include "engine/base/yaml/suggest.h"
#include "engine/config/files.h"
#include "engine/config/schema.h"

namespace tocsin {
namespace {

using Severity = rules::Finding::Severity;

constexpr std::string_view kRuleKeys[] = {"groups", "slos"};

enum class Kind { kConfiguration, kRules, kNeither };

bool is_rule_key(std::string_view key) { return std::find(std::begin(kRuleKeys), std::end(kRuleKeys), key) != std::end(kRuleKeys); }

bool is_configuration_key(std::string_view key) {
  const std::vector<std::string_view> names = config::names_in("");
  return std::find(names.begin(), names.end(), key) != names.end();
}

// The first key that is known decides. A file without content counts as a rule file: the loader says that it holds no rules.
Kind kind_of(const yaml::Node& root) {
  if (root.kind == yaml::Node::Kind::kNull) return Kind::kRules;
  for (const yaml::Entry& entry : root.entries) {
    if (is_rule_key(entry.key.text)) return Kind::kRules;
    if (is_configuration_key(entry.key.text)) return Kind::kConfiguration;
  }
  return Kind::kNeither;
}

std::string neither_text(const yaml::Node& root) {
  std::string found = fmt::format("found {}", root.describe());
  if (!root.entries.empty()) {
    const std::string& key = root.entries.front().key.text;
    std::vector<std::string_view> known = config::names_in("");
    known.insert(known.end(), std::begin(kRuleKeys), std::end(kRuleKeys));
    found = fmt::format("found '{}'{}", key, did_you_mean(key, known));
  }
  return fmt::format("neither a configuration (app, kafka, input, rules, …) nor a rule file (groups, slos): {}", found);
}

// One name for a file however its path is written.
std::string identity(const std::string& name) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::weakly_canonical(name, error);
  return error ? name : path.string();
}

class Checker {
 public:
  explicit Checker(const config::Environment& environment) : environment_(environment) {}

  CheckReport check(const std::vector<TextFile>& files) {
    for (const TextFile& file : files) arguments_.emplace(identity(file.name), &file);
    std::vector<const TextFile*> rule_files;
    for (const TextFile& file : files) {
      if (arguments_.at(identity(file.name)) != &file) continue;  // named twice
      visit(file.name);
      const Result<yaml::Document> document = yaml::parse(file.name, file.text);
      if (!document.ok()) {
        add(Severity::kError, file.name, document.status().message());
        continue;
      }
      switch (kind_of(document->root)) {
        case Kind::kConfiguration: check_configuration(file, *document); break;
        case Kind::kRules: rule_files.push_back(&file); break;
        case Kind::kNeither: add(Severity::kError, file.name, document->message(document->root.mark, neither_text(document->root))); break;
      }
    }
    check_others(rule_files);
    return take_report();
  }

 private:
  void visit(const std::string& name) {
    if (std::find(order_.begin(), order_.end(), name) == order_.end()) order_.push_back(name);
  }

  // A file that belongs to two configurations shows what they have in common once.
  void add(Severity severity, const std::string& file, const std::string& text) {
    std::vector<Found>& found = found_[file];
    const auto same = [&](const Found& other) { return other.severity == severity && other.text == text; };
    if (std::none_of(found.begin(), found.end(), same)) found.push_back({severity, text});
  }

  void check_configuration(const TextFile& file, const yaml::Document& document) {
    ++report_.configurations;
    const config::CheckedConfig checked = config::check_config(file.text, file.name, environment_);
    for (const std::string& error : checked.errors) add(Severity::kError, file.name, error);
    yaml::Mark place = document.root.mark;
    for (const yaml::Entry& entry : document.root.entries) {
      if (entry.key.text == "rules") place = entry.key.mark;
    }
    const auto complain = [&](const std::string& text) { add(Severity::kError, file.name, document.message(place, text)); };

    std::vector<std::string> names;
    for (const std::string& pattern : checked.config.rules) {
      const Result<std::vector<std::string>> fitting = config::rule_files({pattern});
      if (!fitting.ok()) complain(fitting.status().message());
      if (!fitting.ok()) continue;
      for (const std::string& name : *fitting) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      }
    }
    std::vector<TextFile> rule_files;
    bool complete = checked.errors.empty();
    for (const std::string& name : names) {
      const std::optional<TextFile> read = rule_file(name);
      complete = complete && read;
      belonging_.insert(identity(name));
      if (read) rule_files.push_back(*read);
    }
    options_.push_back({checked.config.time.resolution, checked.config.state.max_window, checked.config.alerts.severities});
    const bool enabled = check_rules(rule_files, options_.back());
    if (complete && !rule_files.empty() && !enabled) complain("there is no enabled rule in the rule files, so there is nothing to do");
  }

  // A file that a configuration names: the one from the command line if it is there too.
  std::optional<TextFile> rule_file(const std::string& name) {
    const auto argument = arguments_.find(identity(name));
    if (argument != arguments_.end()) return *argument->second;
    visit(name);
    Result<std::string> text = config::read_file(name);
    if (text.ok()) return TextFile{name, *std::move(text)};
    add(Severity::kError, name, text.status().message());
    return std::nullopt;
  }

  void check_others(const std::vector<const TextFile*>& files) {
    std::vector<TextFile> others;
    for (const TextFile* file : files) {
      if (!belonging_.contains(identity(file->name))) others.push_back(*file);
    }
    check_rules(others, options_.size() == 1 ? options_.front() : rules::LoadOptions{});
  }

  // Whether a rule is enabled, or could not be read.
  bool check_rules(const std::vector<TextFile>& files, const rules::LoadOptions& options) {
    std::vector<std::pair<std::string, std::string>> pairs;
    pairs.reserve(files.size());
    for (const TextFile& file : files) pairs.emplace_back(file.name, file.text);
    const rules::LoadResult loaded = rules::load_rules(pairs, options);
    for (const rules::Finding& finding : loaded.findings) add(finding.severity, finding.file, finding.text);
    for (const TextFile& file : files) rules_[file.name] = 0;
    for (const rules::AlertRule& rule : loaded.rules.rules) ++rules_[rule.file];
    const auto enabled = [](const rules::AlertRule& rule) { return rule.enabled; };
    return !loaded.ok() || std::any_of(loaded.rules.rules.begin(), loaded.rules.rules.end(), enabled);
  }

  CheckReport take_report() {
    for (const std::string& name : order_) {
      for (const Found& found : found_[name]) {
        report_.lines.push_back(finding_line(found.severity, name, found.text));
        ++(found.severity == Severity::kError ? report_.errors : found.severity == Severity::kWarning ? report_.warnings : report_.notes);
      }
    }
    report_.rule_files = rules_.size();
    for (const auto& [file, count] : rules_) report_.rules += count;
    return std::move(report_);
  }

  struct Found {
    Severity severity;
    std::string text;
  };

  const config::Environment& environment_;
  std::map<std::string, const TextFile*> arguments_;  // by identity
  std::set<std::string> belonging_;                   // identities of the rule files that a configuration names
  std::vector<rules::LoadOptions> options_;           // of each configuration
  std::vector<std::string> order_;                    // of the files, as they are shown
  std::map<std::string, std::vector<Found>> found_;   // by file
  std::map<std::string, size_t> rules_;               // how many, by file
  CheckReport report_;
};

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::kError: return "error";
    case Severity::kWarning: return "warning";
    case Severity::kNote: return "note";
  }
  return "";
}

}  // namespace

CheckReport check_files(const std::vector<TextFile>& files, const config::Environment& environment) {
  return Checker(environment).check(files);
}

std::string finding_line(Severity severity, std::string_view file, std::string_view text) {
  // The place is the file, and where known line and column.
  size_t end = text.starts_with(file) ? file.size() : 0;
  for (int part = 0; part < 2 && end > 0; ++part) {
    if (end >= text.size() || text[end] != ':') break;
    const size_t next = text.find_first_not_of("0123456789", end + 1);
    if (next == end + 1 || next == std::string_view::npos) break;
    end = next;
  }
  if (end == 0 || !text.substr(end).starts_with(": ")) return fmt::format("{}: {}", name_of(severity), text);
  return fmt::format("{}: {}: {}", text.substr(0, end), name_of(severity), text.substr(end + 2));
}

std::string finding_line(const rules::Finding& finding) { return finding_line(finding.severity, finding.file, finding.text); }

}  // namespace tocsin
