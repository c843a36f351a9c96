#include "operators/rules/template_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "engine/base/utf8.h"
#include "engine/base/yaml/suggest.h"
#include "operators/rules/lexer.h"
#include "operators/rules/string_literal.h"
#include "operators/rules/template_functions.h"

namespace tocsin::rules {
namespace {

constexpr int kMaxParentheses = 20;
constexpr std::string_view kSpaces = " \t\r\n";

bool is_space(char c) { return kSpaces.find(c) != std::string_view::npos; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string unknown_function(std::string_view name) {
  for (const std::string_view key_word : {"if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"}) {
    if (name == key_word) return fmt::format("'{}' is not supported: templates have no control structures", name);
  }
  return fmt::format("unknown function '{}'{}", name, did_you_mean(name, template_function_names()));
}

class TemplateReader {
 public:
  TemplateReader(std::string_view text, TemplateError& error) : text_(text), error_(error) {}

  std::vector<TemplatePiece> read() {
    while (at_ < text_.size() && error_.message.empty()) {
      const size_t open = std::min(text_.find("{{", at_), text_.size());
      add_text(text_.substr(at_, open - at_));
      at_ = open;
      if (at_ < text_.size()) action();
    }
    return std::move(pieces_);
  }

 private:
  bool fail(size_t offset, std::string message) {
    if (error_.message.empty()) error_ = {offset, std::move(message)};
    return false;
  }

  void add_text(std::string_view text) {
    if (trim_next_) text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
    pieces_.push_back({std::string(text), std::nullopt});
  }

  void trim_last_text() {
    std::string& last = pieces_.back().text;
    last.erase(last.find_last_not_of(kSpaces) + 1);
  }

  // at_ stands at "{{".
  bool action() {
    begin_ = at_;
    at_ += 2;
    trim_next_ = false;
    if (at_ + 1 < text_.size() && text_[at_] == '-' && is_space(text_[at_ + 1])) {
      trim_last_text();
      ++at_;
    }
    skip_spaces();
    if (text_.substr(at_).starts_with("/*")) return comment();
    TemplatePipeline pipeline;
    if (!read_pipeline(pipeline)) return false;
    if (!close()) return fail(at_, fmt::format("expected '|' or '}}}}', found {}", found()));
    pieces_.push_back({"", std::move(pipeline)});
    return true;
  }

  bool comment() {
    const size_t end = text_.find("*/", at_ + 2);
    if (end == std::string_view::npos) return fail(begin_, "the comment has no end");
    at_ = end + 2;
    return close() || fail(at_, "'}}' has to follow the end of a comment");
  }

  // "}}" or " -}}".
  bool close() {
    const size_t before = at_;
    skip_spaces();
    if (at_ > 0 && is_space(text_[at_ - 1]) && text_.substr(at_).starts_with("-}}")) {
      trim_next_ = true;
      at_ += 3;
      return true;
    }
    if (text_.substr(at_).starts_with("}}")) {
      at_ += 2;
      return true;
    }
    at_ = before;
    skip_spaces();
    return false;
  }

  bool at_close() {
    skip_spaces();
    const std::string_view rest = text_.substr(at_);
    return rest.starts_with("}}") || (at_ > 0 && is_space(text_[at_ - 1]) && rest.starts_with("-}}"));
  }

  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::string found() const {
    if (at_ >= text_.size()) return "the end: the action that began with '{{' is not closed";
    const std::optional<CodePoint> character = utf8_at(text_, at_);
    return fmt::format("'{}'", character ? text_.substr(at_, character->bytes) : "?");
  }

  bool read_pipeline(TemplatePipeline& pipeline) {
    do {
      TemplateCommand command;
      if (!read_command(command)) return false;
      if (!pipeline.commands.empty() && command.function == nullptr) return fail(command.offset, "only a function can follow '|'");
      pipeline.commands.push_back(std::move(command));
      skip_spaces();
    } while (accept('|'));
    return true;
  }

  bool accept(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool at_command_end() { return at_close() || at_ >= text_.size() || text_[at_] == '|' || text_[at_] == ')'; }

  bool read_command(TemplateCommand& command) {
    if (at_command_end()) return fail(at_, fmt::format("expected $value, $labels.name, a text, a number or a function, found {}", found()));
    command.offset = at_;
    if (is_name_start(text_[at_])) {
      const std::string_view name = take_name();
      command.function = find_template_function(name);
      if (command.function == nullptr) return fail(command.offset, unknown_function(name));
    }
    while (!at_command_end()) {
      const size_t begin = at_;
      TemplateOperand operand;
      if (!read_operand(operand)) return false;
      if (command.function == nullptr && !command.operands.empty()) return fail(begin, "only a function takes arguments");
      command.operands.push_back(std::move(operand));
    }
    return true;
  }

  // With its dots: $labels.service.name is the label service.name, as labels hold no further structure.
  std::string_view take_name() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_name_byte(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool read_operand(TemplateOperand& operand) {
    const char c = text_[at_];
    if (c == '$' || c == '.') return variable(operand);
    if (c == '"' || c == '`') return text(operand);
    if (c == '\'') return fail(at_, "texts in templates stand in \"…\" or `…`");
    if (is_digit(c) || c == '-' || c == '+') return number(operand);
    if (c == '(') return parentheses(operand);
    if (is_name_start(c)) return fail(at_, "a function as an argument needs parentheses");
    return fail(at_, fmt::format("unexpected {}", found()));
  }

  // $value, $labels, $labels.name, and Go's own names for them: .Value, .Labels, .Labels.name.
  bool variable(TemplateOperand& operand) {
    const size_t begin = at_++;
    std::string_view name = take_name();
    const bool dollar = text_[begin] == '$';
    const std::string_view labels = dollar ? "labels" : "Labels";
    if (name == (dollar ? "value" : "Value")) {
      operand.kind = TemplateOperand::Kind::kValue;
      return true;
    }
    if (name == labels) {
      operand.kind = TemplateOperand::Kind::kLabels;
      return true;
    }
    if (name.starts_with(labels) && name.size() > labels.size() + 1 && name[labels.size()] == '.') {
      operand.kind = TemplateOperand::Kind::kLabel;
      operand.text = name.substr(labels.size() + 1);
      return true;
    }
    return fail(begin, fmt::format("unknown variable '{}'; there are $value and $labels.name", text_.substr(begin, at_ - begin)));
  }

  bool text(TemplateOperand& operand) {
    StringLiteral literal = scan_string(text_, at_);
    if (!literal.error.empty()) return fail(at_, literal.error);
    at_ = literal.end;
    operand.text = std::move(literal.value);
    return true;
  }

  bool number(TemplateOperand& operand) {
    const size_t begin = at_++;
    while (at_ < text_.size()) {
      const bool sign_of_exponent = (text_[at_] == '+' || text_[at_] == '-') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
      if (!is_name_byte(text_[at_]) && !sign_of_exponent) break;
      ++at_;
    }
    std::string_view digits = text_.substr(begin, at_ - begin);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const bool whole = digits.find_first_of(".eE") == std::string_view::npos;
    operand.kind = whole ? TemplateOperand::Kind::kInteger : TemplateOperand::Kind::kNumber;
    const char* end = digits.data() + digits.size();
    const auto result = whole ? std::from_chars(digits.data(), end, operand.integer) : std::from_chars(digits.data(), end, operand.number);
    const bool good = result.ec == std::errc() && result.ptr == end && std::isfinite(operand.number);
    return good || fail(begin, fmt::format("'{}' is no number", text_.substr(begin, at_ - begin)));
  }

  bool parentheses(TemplateOperand& operand) {
    const size_t begin = at_++;
    if (++depth_ > kMaxParentheses) return fail(begin, fmt::format("parentheses are nested more than {} deep", kMaxParentheses));
    operand.kind = TemplateOperand::Kind::kPipeline;
    if (!read_pipeline(operand.nested.emplace_back())) return false;
    skip_spaces();
    if (!accept(')')) return fail(at_, fmt::format("expected ')', found {}", found()));
    --depth_;
    return true;
  }

  std::string_view text_;
  TemplateError& error_;
  std::vector<TemplatePiece> pieces_;
  size_t at_ = 0;
  size_t begin_ = 0;        // of the action that is being read
  bool trim_next_ = false;  // the text that follows loses its leading white space
  int depth_ = 0;
};

}  // namespace

std::vector<TemplatePiece> parse_template(std::string_view text, TemplateError& error) {
  error = {};
  if (text.size() > kMaxTemplateBytes) {
    error.message = fmt::format("the template is longer than {} bytes", kMaxTemplateBytes);
    return {};
  }
  if (const std::optional<size_t> invalid = find_invalid_utf8(text)) {
    error = {*invalid, "the template is not UTF-8"};
    return {};
  }
  return TemplateReader(text, error).read();
}

}  // namespace tocsin::rules
