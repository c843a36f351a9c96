// Hostile text: random, cut off, or broken in one place. Nothing crashes, nothing takes long, and what parses prints to something that
// parses to the same.

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "engine/base/yaml/document.h"
#include "operators/rules/parser.h"
#include "operators/rules/printer.h"
#include "operators/rules/rule.h"
#include "operators/rules/template.h"

namespace tocsin::rules {
namespace {

const std::vector<std::string> kExpressions = {
    "error_rate{domain=\"chat\", region=~`eu\\..*`}[5m] > 2% and not (p99[1h30m] offset 1d >= 1.5s or -count(x)[1m] < -3e-2)",
    "share(success and latency < 300ms or not {level=\"ERROR\", \"k8s/pod\"!~'a|b'})[10s] * 2 / (1 - 0.5) != quantile(0.9, \"a b\")[5m]",
    "burn_rate(\"slo\")[1h] > 14.4 or budget_remaining('s') <= 0 and distinct(actor_id)[1d] == absent[5m]",
    "count(300ms <= latency)[1m] - last(t)[5m] + sum{}[250ms] >= rate(value)[1w2d3h4m5s6ms]",
};

const std::string kFile = R"(groups:
  - name: chat
    interval: 1s
    rules:
      - alert: &a High
        expr: >-
          error_rate{domain="chat"}[5m] > 2%
          and count[5m] > 10
        by: [domain, "k8s/pod"]
        for: 30s
        resolve: 'error_rate[5m] < 1%'
        labels: {team: chat, other: *a}
        annotations:
          summary: "{{ $labels.region | toUpper }}: {{ $value | humanizePercentage }}"
slos:
  - name: s
    select: '{domain="chat"}'
    objective: 99.5%
    window: 30d
    alerting: [{long: 1h, short: 5m, factor: 14.4, severity: page}]
)";

const std::string kTemplate =
    "{{- $labels.a | reReplaceAll \"(a)(b)\" \"$2${1}\" | title -}} x {{ humanize 1.5e3 }} {{/* c */}} {{ (index $labels `k`) }}";

// Random edits: bytes removed, doubled, exchanged, or taken from the alphabet of the languages.
std::string mutate(std::string text, std::mt19937& random) {
  static const std::string kBytes = "(){}[]<>=!~+-*/%.,:\"'`\\|&#$ \n\t-?>_aems0159\xC3\xBC\xFF@^";
  const auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  const size_t edits = 1 + below(6);
  for (size_t i = 0; i < edits && !text.empty(); ++i) {
    const size_t at = below(text.size());
    switch (below(5)) {
      case 0: text.erase(at, 1 + below(4)); break;
      case 1: text.insert(at, 1, kBytes[below(kBytes.size())]); break;
      case 2: text[at] = kBytes[below(kBytes.size())]; break;
      case 3: text.insert(at, text.substr(at, 1 + below(20))); break;
      default: text.resize(at); break;
    }
  }
  return text;
}

void check_expression_text(const std::string& text) {
  const Parsed<Expr> parsed = parse_expression(text);
  if (!parsed.ok()) {
    ASSERT_FALSE(parsed.error().message.empty());
    return;
  }
  const std::string printed = to_string(parsed.value());
  const Parsed<Expr> again = parse_expression(printed);
  ASSERT_TRUE(again.ok()) << text << "\n" << printed << "\n" << again.error().message;
  ASSERT_EQ(to_string(again.value()), printed) << text;
}

TEST(Robustness, TruncatedExpressions) {
  for (const std::string& text : kExpressions) {
    ASSERT_TRUE(parse_expression(text).ok()) << parse_expression(text).error().message;
    for (size_t n = 0; n <= text.size(); ++n) check_expression_text(text.substr(0, n));
  }
}

TEST(Robustness, BrokenExpressions) {
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i) check_expression_text(mutate(kExpressions[static_cast<size_t>(i) % kExpressions.size()], random));
}

TEST(Robustness, TruncatedAndBrokenFiles) {
  for (size_t n = 0; n <= kFile.size(); ++n) static_cast<void>(load_rules({{"f", kFile.substr(0, n)}}, {}));
  std::mt19937 random(2);
  for (int i = 0; i < 3'000; ++i) static_cast<void>(load_rules({{"f", mutate(kFile, random)}}, {}));
}

TEST(Robustness, BrokenTemplates) {
  const std::map<std::string, std::string> labels = {{"a", "ab\xFF"}, {"k", "v"}};
  std::mt19937 random(3);
  for (int i = 0; i < 10'000; ++i) {
    const std::string text = mutate(kTemplate, random);
    const std::optional<TemplateError> error = find_template_error(text);
    const std::string expanded = expand_template(text, labels, 1);
    ASSERT_TRUE(!error || expanded.starts_with("<error expanding template: ")) << text << "\n" << error->message << "\n" << expanded;
  }
}

TEST(Robustness, RandomBytes) {
  std::mt19937 random(4);
  for (int i = 0; i < 3'000; ++i) {
    std::string text;
    for (size_t n = random() % 200; n > 0; --n) text += static_cast<char>(random());
    check_expression_text(text);
    static_cast<void>(load_rules({{"f", text}}, {}));
    static_cast<void>(find_template_error(text));
  }
}

std::string repeated(const std::string& part, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += part;
  return text;
}

TEST(Robustness, HostileTextTakesNoLongerThanItsLengthAllows) {
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string part :
       {"(", "-", "not ", "1+", "count[5m] and ", "\"", "{", "count{a=\"b\",", "9", "1h", "count(not ", "é", "success or "}) {
    check_expression_text(repeated(part, kMaxExpressionBytes - 20));
  }
  for (const std::string part : {"{{", "{{ $value }}", "{{ (", "x", "{{- ", "| title ", "{{/*"}) {
    static_cast<void>(find_template_error(repeated(part, 32'000)));
    static_cast<void>(find_template_error("{{ " + repeated(part, 32'000)));
  }
  for (const std::string part :
       {"[", "{", "- ", "a: ", "? ", "a: b\n", "&a ", "*a ", "!x ", "\"", "'", "|\n ", "a,", "#", ": ", "\n", "\t", "%", "\"\\", "[a,"}) {
    static_cast<void>(load_rules({{"f", repeated(part, yaml::kMaxFileBytes / 4)}}, {}));
    static_cast<void>(load_rules({{"f", "groups: [" + repeated(part, yaml::kMaxFileBytes / 4)}}, {}));
    static_cast<void>(load_rules({{"f", "groups: \n- " + repeated(part, 100'000)}}, {}));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

}  // namespace
}  // namespace tocsin::rules
