#include "operators/rules/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/utf8.h"
#include "operators/rules/number_literal.h"
#include "operators/rules/string_literal.h"

namespace tocsin::rules {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Longer ones first, where one begins with another.
constexpr std::array<std::string_view, 20> kSymbols = {"=~", "!~", "==", "!=", "<=", ">=", "<", ">", "=", "+",
                                                       "-",  "*",  "/",  "(",  ")",  "{",  "}", "[", "]", ","};

Token name_token(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_name_byte(text[end])) ++end;
  Token token;
  token.kind = Token::Kind::kName;
  token.text = text.substr(at, end - at);
  return token;
}

Token number_token(std::string_view text, size_t at) {
  Token token;
  token.text = text.substr(at, number_length(text, at));
  NumberLiteral literal = read_number(token.text);
  token.kind = literal.error.empty() ? Token::Kind::kNumber : Token::Kind::kBroken;
  token.value = std::move(literal.error);
  token.number = std::move(literal.value);
  token.has_unit = literal.has_unit;
  return token;
}

Token string_token(std::string_view text, size_t at) {
  StringLiteral literal = scan_string(text, at);
  Token token;
  token.kind = literal.error.empty() ? Token::Kind::kString : Token::Kind::kBroken;
  token.text = text.substr(at, literal.end - at);
  token.value = literal.error.empty() ? std::move(literal.value) : std::move(literal.error);
  return token;
}

Token broken_token(std::string_view text, size_t at) {
  Token token;
  token.kind = Token::Kind::kBroken;
  const std::optional<CodePoint> character = utf8_at(text, at);
  token.text = text.substr(at, character ? character->bytes : 1);
  std::string_view hint;
  if (token.text == "&") hint = "; write 'and'";
  if (token.text == "|") hint = "; write 'or'";
  if (token.text == "!") hint = "; write 'not'";
  if (token.text == "%") hint = "; % stands right behind its number, as in 2%";
  if (token.text == ".") hint = "; a number begins with a digit, as in 0.5";
  token.value = fmt::format("unexpected '{}'{}", character ? token.text : "?", hint);
  return token;
}

Token next_token(std::string_view text, size_t at) {
  const char c = text[at];
  if (is_digit(c)) return number_token(text, at);
  if (is_name_start(c)) return name_token(text, at);
  if (c == '"' || c == '\'' || c == '`') return string_token(text, at);
  const auto symbol = std::find_if(kSymbols.begin(), kSymbols.end(), [&](std::string_view s) { return text.substr(at).starts_with(s); });
  if (symbol == kSymbols.end()) return broken_token(text, at);
  Token token;
  token.kind = Token::Kind::kSymbol;
  token.text = text.substr(at, symbol->size());
  return token;
}

}  // namespace

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  size_t at = 0;
  while (true) {
    while (at < text.size() && is_space(text[at])) ++at;
    if (at >= text.size()) break;
    Token token = next_token(text, at);
    token.offset = at;
    at += token.text.size();
    tokens.push_back(std::move(token));
    if (tokens.back().kind == Token::Kind::kBroken) break;
  }
  Token end;
  end.offset = std::min(at, text.size());
  tokens.push_back(std::move(end));
  return tokens;
}

}  // namespace tocsin::rules
