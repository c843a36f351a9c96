#pragma once

// The tokens of one expression with a read position: what the parsers of expressions, predicates and aggregates share.
//
// Thread:     confined to one parse.
// Lifetime:   views the text it was made of.
// Invariants: (1) only the first failure is kept; (2) the position never passes the kEnd token.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operators/rules/lexer.h"
#include "operators/rules/parser.h"

namespace tocsin::rules {

class TokenStream {
 public:
  TokenStream(std::string_view text, const Locate& locate);

  const Token& peek(size_t ahead = 0) const;
  const Token& take();  // the current token; the position moves on

  bool at_symbol(std::string_view symbol, size_t ahead = 0) const;
  bool at_word(std::string_view word, size_t ahead = 0) const;
  bool at_end() const { return peek().kind == Token::Kind::kEnd; }
  bool accept_symbol(std::string_view symbol);
  bool accept_word(std::string_view word);
  // Takes the symbol, or fails with "expected `what`, found …".
  bool expect_symbol(std::string_view symbol, std::string_view what);

  // Each notes a failure, if there is none yet, and returns nullopt for its caller to return.
  std::nullopt_t fail(const Token& at, std::string message);
  std::nullopt_t fail_expected(std::string_view what);

  bool failed() const { return error_.has_value(); }
  const ParseError& error() const { return *error_; }
  Position position(const Token& token) const { return locate_(token.offset); }

  // Counts a node of the tree; false, and a failure, when there are too many.
  bool add_node(const Token& at);

  // One level of nesting for as long as it lives; ok() is false, and a failure is noted, when that is one too deep.
  class Nesting {
   public:
    explicit Nesting(TokenStream& tokens);
    ~Nesting() { --tokens_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    bool ok() const { return ok_; }

   private:
    TokenStream& tokens_;
    bool ok_;
  };

 private:
  std::string_view text_;
  Locate locate_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  int depth_ = 0;
  int nodes_ = 0;
  std::optional<ParseError> error_;
};

}  // namespace tocsin::rules
