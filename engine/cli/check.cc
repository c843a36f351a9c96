// `tocsin check`: is there anything wrong with these configuration and rule files?

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "engine/cli/command.h"
#include "engine/config/config.h"
#include "engine/config/files.h"
#include "engine/runtime/check.h"

namespace tocsin::cli {
namespace {

struct Flags {
  std::vector<std::string> files;
  bool strict = false;
};

Result<TextFile> read(const std::string& name) {
  if (name == "-") return TextFile{"stdin", std::string(std::istreambuf_iterator<char>(std::cin), {})};
  Result<std::string> text = config::read_file(name);
  if (!text.ok()) return text.status();
  return TextFile{name, *std::move(text)};
}

// "1 error", "2 errors".
std::string counted(size_t number, const char* what) { return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s"); }

Result<int> run_check(const Flags& flags) {
  std::vector<TextFile> files;
  std::string unreadable;
  for (const std::string& name : flags.files) {
    Result<TextFile> file = read(name);
    if (file.ok()) {
      files.push_back(*std::move(file));
    } else {
      unreadable += (unreadable.empty() ? "" : "\n") + file.status().message();
    }
  }
  if (!unreadable.empty()) return not_found(unreadable);
  const CheckReport report = check_files(files, &config::process_environment);
  for (const std::string& line : report.lines) fmt::print("{}\n", line);
  fmt::print("{}, {} with {}: {}, {}{}\n", counted(report.configurations, "configuration"), counted(report.rule_files, "rule file"),
             counted(report.rules, "rule"), counted(report.errors, "error"), counted(report.warnings, "warning"),
             report.notes == 0 ? "" : ", " + counted(report.notes, "note"));
  return report.errors > 0 || (flags.strict && report.warnings > 0) ? kExitNo : kExitFine;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("check", "Look for mistakes in configuration and rule files, without a broker");
  auto flags = std::make_shared<Flags>();
  command->add_option("FILE", flags->files, "Configuration and rule files, told apart by what they hold; - is the standard input")
      ->required()
      ->type_name("");
  command->add_flag("--strict", flags->strict, "Warnings, too, make the exit code 1");
  command->footer(
      "A configuration's own rule files are checked with it. Rule files that no configuration names are checked with the defaults, or\n"
      "like the others if one configuration stands beside them. Environment variables that a configuration names have to be set.\n"
      "Exit code: 0 no errors (with --strict: and no warnings), 1 the files have errors, 2 usage, or a file cannot be read.\n"
      "\n"
      "Examples:\n"
      "  tocsin check tocsin.yaml\n"
      "  tocsin check --strict rules/*.yaml\n"
      "  generate-rules | tocsin check -");
  command->callback([flags, &exit_code] {
    const Result<int> result = run_check(*flags);
    exit_code = result.ok() ? *result : report(result.status());
  });
}

}  // namespace tocsin::cli
