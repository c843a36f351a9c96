#include "operators/rules/go_format.h"

#include <fmt/format.h>
#include <locale.h>
#include <re2/re2.h>
#include <wctype.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "engine/base/utf8.h"

namespace tocsin::go {
namespace {

constexpr int kLeastPlainExponent = -4;
constexpr int kFirstLargeExponent = 6;

std::string special(double number) {
  if (std::isnan(number)) return "NaN";
  return number < 0 ? "-Inf" : "+Inf";
}

// Unicode's letters do not depend on the locale of the process.
locale_t unicode_locale() {
  static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

char32_t map_letter(char32_t letter, bool upper) {
  const locale_t locale = unicode_locale();
  if (locale == nullptr) {
    if (upper) return letter >= U'a' && letter <= U'z' ? letter - U'a' + U'A' : letter;
    return letter >= U'A' && letter <= U'Z' ? letter - U'A' + U'a' : letter;
  }
  const auto wide = static_cast<wint_t>(letter);
  return static_cast<char32_t>(upper ? towupper_l(wide, locale) : towlower_l(wide, locale));
}

// What separates words for strings.Title.
bool is_separator(char32_t c) {
  if (c < 0x80) return !((c >= U'0' && c <= U'9') || (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || c == U'_');
  if (c == 0x85 || c == 0xA0) return true;
  const locale_t locale = unicode_locale();
  return locale != nullptr && iswspace_l(static_cast<wint_t>(c), locale) != 0;
}

// Maps every code point by `map`; bytes that are no UTF-8 stay as they are.
template <typename Map>
std::string map_code_points(std::string_view text, Map map) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::optional<CodePoint> next = utf8_at(text, at);
    if (!next || !append_utf8(out, map(next->value))) out += text.substr(at, next ? next->bytes : 1);
    at += next ? next->bytes : 1;
  }
  return out;
}

bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

using Groups = std::vector<re2::StringPiece>;

// The text of the group called `name`, or "" if there is none.
std::string_view group_text(const re2::RE2& pattern, const Groups& groups, std::string_view name) {
  size_t index = groups.size();
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size()) {
    const auto named = pattern.NamedCapturingGroups().find(std::string(name));
    index = named == pattern.NamedCapturingGroups().end() ? groups.size() : static_cast<size_t>(named->second);
  }
  if (index >= groups.size() || groups[index].data() == nullptr) return {};
  return {groups[index].data(), groups[index].size()};
}

// Appends `replacement` with its groups filled in (Regexp.Expand).
void expand(const re2::RE2& pattern, const Groups& groups, std::string_view replacement, std::string& out) {
  while (!replacement.empty()) {
    const size_t dollar = replacement.find('$');
    out += replacement.substr(0, dollar);
    if (dollar == std::string_view::npos) return;
    replacement.remove_prefix(dollar + 1);
    if (replacement.starts_with('$')) {
      out += '$';
      replacement.remove_prefix(1);
      continue;
    }
    const bool braces = replacement.starts_with('{');
    const size_t begin = braces ? 1 : 0;
    size_t end = begin;
    while (end < replacement.size() && is_word(replacement[end])) ++end;
    const bool closed = !braces || (end < replacement.size() && replacement[end] == '}');
    if (end == begin || !closed) {  // no name: the dollar is one
      out += '$';
      continue;
    }
    out += group_text(pattern, groups, replacement.substr(begin, end - begin));
    replacement.remove_prefix(braces ? end + 1 : end);
  }
}

}  // namespace

std::string format_float(double number) {
  if (!std::isfinite(number)) return special(number);
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific);
  const std::string_view scientific(buffer.data(), static_cast<size_t>(written.ptr - buffer.data()));
  const size_t e = scientific.find('e');
  int exponent = 0;
  const size_t digits_of_exponent = e + (scientific[e + 1] == '+' ? 2 : 1);
  std::from_chars(scientific.data() + digits_of_exponent, scientific.data() + scientific.size(), exponent);
  if (exponent < kLeastPlainExponent || exponent >= kFirstLargeExponent) return std::string(scientific);
  std::array<char, 64> plain{};
  const auto end = std::to_chars(plain.data(), plain.data() + plain.size(), number, std::chars_format::fixed).ptr;
  return {plain.data(), end};
}

std::string format_four_digits(double number) { return std::isfinite(number) ? fmt::format("{:.4g}", number) : special(number); }

std::optional<double> parse_float(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string to_upper(std::string_view text) {
  return map_code_points(text, [](char32_t c) { return map_letter(c, true); });
}

std::string to_lower(std::string_view text) {
  return map_code_points(text, [](char32_t c) { return map_letter(c, false); });
}

std::string title(std::string_view text) {
  bool begins_word = true;
  return map_code_points(text, [&](char32_t c) {
    const char32_t mapped = begins_word ? map_letter(c, true) : c;
    begins_word = is_separator(c);
    return mapped;
  });
}

std::optional<std::string> replace_all(const re2::RE2& pattern, std::string_view text, std::string_view replacement, size_t limit) {
  const re2::StringPiece input(text.data(), text.size());
  Groups groups(static_cast<size_t>(pattern.NumberOfCapturingGroups()) + 1);
  std::string out;
  size_t copied = 0;
  size_t search = 0;
  const auto find = [&] {
    return pattern.Match(input, search, text.size(), re2::RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size()));
  };
  while (search <= text.size() && find()) {
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    out += text.substr(copied, begin - copied);
    // Like Go: no empty match right behind the one before.
    if (end > copied || begin == 0) expand(pattern, groups, replacement, out);
    if (out.size() > limit) return std::nullopt;
    copied = end;
    const std::optional<CodePoint> next = search < text.size() ? utf8_at(text, search) : std::nullopt;
    search = std::max(end, search + (next ? next->bytes : 1));
  }
  if (copied < text.size()) out += text.substr(copied);
  if (out.size() > limit) return std::nullopt;
  return out;
}

}  // namespace tocsin::go
