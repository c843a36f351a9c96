#pragma once

// The tokens of a JSON text, found by simdjson's first stage (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", section 3.1).
//
// A token begins at a bracket, a colon, a comma, a string's opening quote or the first character of anything else, and reaches to the
// next token's begin. So behind a bracket, and behind a string's closing quote, a token has only space, and what is no bracket and no
// string holds no space but at its end. Quotes are closed, strings hold no control characters, and all is UTF-8.
//
// Thread:     worker-confined.
// Lifetime:   the text must outlive what is asked of its tokens.
// Failure:    find() says that a text cannot be JSON; it cannot say where.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tocsin::decode {

class JsonTokens {
 public:
  static constexpr size_t kPadding = 64;  // readable bytes behind a text

  JsonTokens();
  ~JsonTokens();

  // Goes to the first token of `text`; false if there is none, or if something is wrong with quotes, control characters or UTF-8.
  bool find(std::string_view text);

  bool at_end() const { return at_ == end_; }
  // Where the token at hand begins, and at the end where the text ends.
  const char* begin() const { return text_ + *at_; }
  // The first character of the token at hand, 0 at the end.
  char front() const { return at_end() ? '\0' : *begin(); }
  // The token at hand, with the space behind it.
  std::string_view text() const { return at_end() ? std::string_view{} : std::string_view(begin(), at_[1] - *at_); }
  // Goes on to the next token; stays at the end.
  void next() { at_ += at_end() ? 0 : 1; }

  // Whether there is a backslash anywhere in the text.
  bool have_backslash() const { return have_backslash_; }

 private:
  struct Finder;  // keeps simdjson out of this header

  std::unique_ptr<Finder> finder_;
  const char* text_ = nullptr;
  const uint32_t* at_ = nullptr;  // offsets of the tokens from here on; at the end that of the text's end
  const uint32_t* end_ = nullptr;
  bool have_backslash_ = false;
};

}  // namespace tocsin::decode
