#include "operators/rules/token_stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/utf8.h"

namespace tocsin::rules {
namespace {

constexpr size_t kMaxShownBytes = 60;

Position position_in(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_begin = before.find_last_of('\n') + 1;  // npos + 1 is 0
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  return {static_cast<int>(line), static_cast<int>(count_code_points(before.substr(line_begin))) + 1};
}

std::string describe(const Token& token) {
  if (token.kind == Token::Kind::kEnd) return "the end";
  if (token.text.size() > kMaxShownBytes) return "a very long token";
  return token.kind == Token::Kind::kString ? fmt::format("the string {}", token.text) : fmt::format("'{}'", token.text);
}

std::string hint_for(const Token& token) {
  if (token.text == "=") return "; to compare, write '=='";
  if (token.kind != Token::Kind::kName) return "";
  for (const std::string_view word : {"and", "or", "not", "offset"}) {
    const bool same = token.text.size() == word.size() && std::equal(word.begin(), word.end(), token.text.begin(), [](char a, char b) {
                        return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
                      });
    if (same && token.text != word) return fmt::format("; key words are lower-case: '{}'", word);
  }
  return "";
}

}  // namespace

TokenStream::TokenStream(std::string_view text, const Locate& locate)
    : text_(text), locate_(locate ? locate : [text](size_t offset) { return position_in(text, offset); }) {
  if (text.size() > kMaxExpressionBytes) {
    error_ = ParseError{locate_(0), fmt::format("the expression is longer than {} bytes", kMaxExpressionBytes)};
  } else if (const std::optional<size_t> invalid = find_invalid_utf8(text)) {
    error_ = ParseError{locate_(*invalid), "the expression is not UTF-8"};
  }
  tokens_ = tokenize(error_ ? std::string_view() : text);
}

const Token& TokenStream::peek(size_t ahead) const { return tokens_[std::min(next_ + ahead, tokens_.size() - 1)]; }

const Token& TokenStream::take() {
  const Token& token = peek();
  if (next_ + 1 < tokens_.size()) ++next_;
  return token;
}

bool TokenStream::at_symbol(std::string_view symbol, size_t ahead) const {
  return peek(ahead).kind == Token::Kind::kSymbol && peek(ahead).text == symbol;
}

bool TokenStream::at_word(std::string_view word, size_t ahead) const {
  return peek(ahead).kind == Token::Kind::kName && peek(ahead).text == word;
}

bool TokenStream::accept_symbol(std::string_view symbol) {
  if (!at_symbol(symbol)) return false;
  take();
  return true;
}

bool TokenStream::accept_word(std::string_view word) {
  if (!at_word(word)) return false;
  take();
  return true;
}

bool TokenStream::expect_symbol(std::string_view symbol, std::string_view what) {
  if (accept_symbol(symbol)) return true;
  fail_expected(what);
  return false;
}

std::nullopt_t TokenStream::fail(const Token& at, std::string message) {
  if (!error_) error_ = ParseError{position(at), std::move(message)};
  return std::nullopt;
}

std::nullopt_t TokenStream::fail_expected(std::string_view what) {
  const Token& token = peek();
  if (token.kind == Token::Kind::kBroken) return fail(token, token.value);
  return fail(token, fmt::format("expected {}, found {}{}", what, describe(token), hint_for(token)));
}

bool TokenStream::add_node(const Token& at) {
  if (++nodes_ <= kMaxTreeNodes) return true;
  fail(at, fmt::format("the expression has more than {} parts", kMaxTreeNodes));
  return false;
}

TokenStream::Nesting::Nesting(TokenStream& tokens) : tokens_(tokens), ok_(++tokens.depth_ <= kMaxNesting) {
  if (!ok_) tokens.fail(tokens.peek(), fmt::format("the expression is nested more than {} deep", kMaxNesting));
}

}  // namespace tocsin::rules
