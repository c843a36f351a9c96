#include "engine/config/expand.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

namespace tocsin::config {
namespace {

bool is_variable_name(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return text.find_first_not_of(kCharacters) == std::string_view::npos;
}

}  // namespace

Expansion expand(std::string_view text, const Environment& environment) {
  Expansion result;
  while (!text.empty()) {
    const size_t at = text.find("${");
    result.text += text.substr(0, at);
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 2);
    if (at > 0 && result.text.back() == '$') {
      result.text += '{';
      continue;
    }
    const size_t end = text.find('}');
    const std::string_view name = text.substr(0, end);
    if (end == std::string_view::npos || !is_variable_name(name)) {
      result.malformed = true;
      break;
    }
    text.remove_prefix(end + 1);
    if (const std::optional<std::string> value = environment(name)) {
      result.text += *value;
    } else {
      result.unset.emplace_back(name);
    }
  }
  return result;
}

std::optional<std::string> process_environment(std::string_view name) {
  if (const char* value = std::getenv(std::string(name).c_str())) return value;
  if (name != "HOSTNAME") return std::nullopt;
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return std::nullopt;
  return host.data();
}

}  // namespace tocsin::config
