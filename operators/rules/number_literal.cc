#include "operators/rules/number_literal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "operators/rules/big_integer.h"
#include "operators/rules/parser.h"

namespace tocsin::rules {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_exponent(char c) { return c == 'e' || c == 'E'; }

struct Unit {
  std::string_view name;
  int64_t ms;
};

// In falling order.
constexpr std::array<Unit, 6> kUnits = {{{"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

// Reads one literal from its front.
class NumberReader {
 public:
  explicit NumberReader(std::string_view literal) : literal_(literal), rest_(literal) {}

  NumberLiteral read() {
    const bool is_percent = rest_.ends_with('%');
    if (is_percent) rest_.remove_suffix(1);
    while (component() && !rest_.empty()) {}
    if (result_.error.empty() && is_percent) {
      result_.value /= 100;
      if (result_.has_unit) fail("a duration takes no %");
    }
    return result_;
  }

 private:
  bool fail(const std::string& why) {
    result_.error = fmt::format("'{}' is no number: {}", literal_, why);
    return false;
  }

  std::string_view take(bool (*belongs)(char)) {
    size_t n = 0;
    while (n < rest_.size() && belongs(rest_[n])) ++n;
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  // One number with its unit, if it has one.
  bool component() {
    Rational number;
    if (!decimal(number)) return false;
    const std::string_view unit = take(is_letter);
    if (unit.empty()) {
      result_.value = number;
      if (rest_.empty() && !result_.has_unit) return true;
      return fail(rest_.starts_with('.') ? "it has more than one '.'" : "each part of a duration needs a unit");
    }
    size_t index = 0;
    while (index < kUnits.size() && kUnits[index].name != unit) ++index;
    if (index == kUnits.size()) return fail(fmt::format("unknown unit '{}'; there are ms, s, m, h, d, w and %", unit));
    if (index < next_unit_) return fail("the units of a duration fall, and each stands once, as in 1h30m");
    next_unit_ = index + 1;
    result_.has_unit = true;
    result_.value += number * kUnits[index].ms;
    return true;
  }

  // digits ["." digits] [("e"|"E") ["+"|"-"] digits]
  bool decimal(Rational& number) {
    const std::string_view whole = take(is_digit);
    std::string_view fraction;
    if (whole.empty()) return fail("a digit is missing");
    if (rest_.starts_with('.')) {
      rest_.remove_prefix(1);
      fraction = take(is_digit);
      if (fraction.empty()) return fail("a digit is missing after '.'");
    }
    int exponent = 0;
    if (!read_exponent(exponent)) return false;
    const auto limit = static_cast<size_t>(kMaxNumberDigits);
    if (whole.size() + fraction.size() > limit) return fail(fmt::format("it has more than {} digits", limit));
    // Without leading zeros: the library would read them as an octal number.
    std::string digits = std::string(whole) + std::string(fraction);
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    number = scaled(Integer(digits), exponent - static_cast<int>(fraction.size()));
    return true;
  }

  bool read_exponent(int& exponent) {
    if (rest_.size() < 2 || !is_exponent(rest_[0])) return true;
    const bool has_sign = rest_[1] == '+' || rest_[1] == '-';
    const bool negative = rest_[1] == '-';
    if (!has_sign && !is_digit(rest_[1])) return true;  // a unit, if there were one that begins so
    rest_.remove_prefix(has_sign ? 2 : 1);
    const std::string_view digits = take(is_digit);
    if (digits.empty()) return fail("a digit is missing in the exponent");
    for (const char c : digits) {
      exponent = exponent * 10 + (c - '0');
      if (exponent > kMaxNumberDigits) return fail(fmt::format("its exponent is beyond {}", kMaxNumberDigits));
    }
    if (negative) exponent = -exponent;
    return true;
  }

  std::string_view literal_;
  std::string_view rest_;
  size_t next_unit_ = 0;
  NumberLiteral result_;
};

}  // namespace

size_t number_length(std::string_view text, size_t begin) {
  size_t end = begin;
  bool plain = true;  // digits and '.' only so far
  while (end < text.size()) {
    const char c = text[end];
    const bool sign_of_exponent = plain && end > begin && (c == '+' || c == '-') && is_exponent(text[end - 1]);
    if (!is_digit(c) && !is_letter(c) && c != '.' && !sign_of_exponent) break;
    if (is_letter(c) && !(plain && is_exponent(c))) plain = false;
    ++end;
  }
  if (end < text.size() && text[end] == '%') ++end;
  return end - begin;
}

NumberLiteral read_number(std::string_view literal) { return NumberReader(literal).read(); }

}  // namespace tocsin::rules
