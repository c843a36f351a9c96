#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "engine/base/yaml/reader.h"
#include "engine/base/yaml/suggest.h"
#include "operators/rules/estimates.h"
#include "operators/rules/lint.h"
#include "operators/rules/report.h"
#include "operators/rules/rule.h"
#include "operators/rules/rule_reader.h"
#include "operators/rules/slo_reader.h"
#include "operators/rules/unsupported.h"

namespace tocsin::rules {
namespace {

using yaml::MappingReader;
using yaml::Node;

// One file with what was found in it. Reports refer to the document, so it does not move.
struct RuleFile {
  explicit RuleFile(yaml::Document parsed) : document(std::move(parsed)), report(document) {}
  RuleFile(const RuleFile&) = delete;
  RuleFile& operator=(const RuleFile&) = delete;

  yaml::Document document;
  Report report;
  std::vector<AlertRule> rules;
};

// Names that have to be unique over all files, with the place of the first use.
class Names {
 public:
  explicit Names(std::string_view kind) : kind_(kind) {}

  void add(const std::string& name, const std::string& file, Position position, Report& report) {
    const auto [first, is_new] = places_.emplace(name, fmt::format("{}:{}:{}", file, position.line, position.column));
    if (!is_new) report.error(position, fmt::format("there is another {} '{}' at {}", kind_, name, first->second));
  }

  bool contains(const std::string& name) const { return places_.contains(name); }

  std::string suggestion(std::string_view name) const {
    std::vector<std::string_view> known;
    known.reserve(places_.size());
    for (const auto& [other, place] : places_) known.push_back(other);
    return did_you_mean(name, known);
  }

 private:
  std::string_view kind_;
  std::map<std::string, std::string> places_;
};

class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options) {}

  LoadResult load(const std::vector<std::pair<std::string, std::string>>& files) {
    for (const auto& [name, content] : files) read_file(name, content);
    for (Source& source : sources_) {
      if (source.file) check_together(*source.file);
    }
    return take_result();
  }

 private:
  // A file that was read, or why it could not be.
  struct Source {
    std::string name;
    std::unique_ptr<RuleFile> file;
    std::string error;
  };

  void read_file(const std::string& name, const std::string& content) {
    Result<yaml::Document> document = yaml::parse(name, content);
    if (!document.ok()) {
      sources_.push_back({name, nullptr, document.status().message()});
      return;
    }
    sources_.push_back({name, std::make_unique<RuleFile>(std::move(document).value()), ""});
    RuleFile& file = *sources_.back().file;
    if (file.document.root.kind == Node::Kind::kNull) return file.report.warning({1, 1}, "the file holds no rules");
    MappingReader root(file.document.root, "a rule file", file.report.errors);
    if (const Node* groups = root.node("groups")) read_groups(*groups, file);
    if (const Node* slos = root.node("slos")) read_slos(*slos, file);
    root.finish();
  }

  void read_groups(const Node& node, RuleFile& file) {
    Names names("group");
    for (const Node& group : yaml::read_sequence(node, "'groups'", file.report.errors)) read_group(group, names, file);
  }

  void read_group(const Node& node, Names& names, RuleFile& file) {
    Report& report = file.report;
    MappingReader reader(node, "a group", report.errors);
    GroupDefaults defaults;
    defaults.name = read_name(reader.node("name", MappingReader::kRequired), "'name'", "a group", report).value_or("");
    if (!defaults.name.empty()) names.add(defaults.name, file.document.file, to_position(node.mark), report);
    defaults.interval = read_interval(reader.node("interval"), options_, report).value_or(options_.resolution);
    if (const Node* rules = reader.node("rules")) {
      for (const Node& rule : yaml::read_sequence(*rules, "'rules'", report.errors)) {
        std::optional<AlertRule> read = read_rule(file.document, rule, defaults, options_, report);
        if (!read) continue;
        rule_names_.add(read->name, read->file, read->position, report);
        file.rules.push_back(*std::move(read));
      }
    }
    reader.finish();
  }

  void read_slos(const Node& node, RuleFile& file) {
    for (const Node& slo : yaml::read_sequence(node, "'slos'", file.report.errors)) {
      const std::optional<std::string> name = read_slo(file.document, slo, options_, file.report);
      if (name) slo_names_.add(*name, file.document.file, to_position(slo.mark), file.report);
    }
    const std::string unsupported = unsupported_slos_message();
    if (!unsupported.empty() && !node.items.empty()) file.report.error(to_position(node.mark), unsupported);
  }

  // What needs the other rules: names of SLOs, and whether a rule has company.
  void check_together(RuleFile& file) {
    std::set<std::string_view> groups_that_notice_outages;
    for (const AlertRule& rule : file.rules) {
      check_slo_names(rule.expr, file.report);
      if (rule.resolve) check_slo_names(*rule.resolve, file.report);
      if (rule.enabled && fires_without_events(rule)) groups_that_notice_outages.insert(rule.group);
    }
    for (const AlertRule& rule : file.rules) {
      if (!rule.enabled) continue;
      lint_rule(rule, file.report);
      note_estimates(rule, file.report);
      if (outage_resolves(rule) && !groups_that_notice_outages.contains(rule.group)) warn_outage_resolves(rule, file.report);
    }
  }

  void check_slo_names(const Expr& expr, Report& report) {
    if (expr.kind == Expr::Kind::kAggregate) {
      const Aggregate& aggregate = *expr.aggregate;
      const bool of_slo = aggregate.kind == AggregateKind::kBurnRate || aggregate.kind == AggregateKind::kBudgetRemaining;
      if (of_slo && !slo_names_.contains(aggregate.argument)) {
        report.error(expr.position, fmt::format("there is no SLO '{}'{}", aggregate.argument, slo_names_.suggestion(aggregate.argument)));
      }
    }
    for (const Expr& child : expr.children) check_slo_names(child, report);
  }

  LoadResult take_result() {
    LoadResult result;
    for (Source& source : sources_) {
      if (!source.file) {
        result.findings.push_back({Finding::Severity::kError, std::move(source.error), source.name});
        continue;
      }
      add_findings(source.name, source.file->report, result.findings);
      for (AlertRule& rule : source.file->rules) result.rules.rules.push_back(std::move(rule));
    }
    return result;
  }

  static void add_findings(const std::string& file, const Report& report, std::vector<Finding>& findings) {
    std::vector<std::pair<yaml::Mark, Finding>> all;
    const auto add = [&](const yaml::Problems& problems, Finding::Severity severity) {
      for (const yaml::Problem& problem : problems.sorted()) all.push_back({problem.mark, {severity, problem.text, file}});
    };
    add(report.errors, Finding::Severity::kError);
    add(report.warnings, Finding::Severity::kWarning);
    add(report.notes, Finding::Severity::kNote);
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [mark, finding] : all) findings.push_back(std::move(finding));
  }

  const LoadOptions& options_;
  std::vector<Source> sources_;
  Names rule_names_{"rule"};
  Names slo_names_{"SLO"};
};

}  // namespace

bool LoadResult::ok() const {
  return std::none_of(findings.begin(), findings.end(), [](const Finding& f) { return f.severity == Finding::Severity::kError; });
}

LoadResult load_rules(const std::vector<std::pair<std::string, std::string>>& files, const LoadOptions& options) {
  return Loader(options).load(files);
}

}  // namespace tocsin::rules
