#include "tests/golden/golden_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "engine/base/check.h"

namespace tocsin::golden {
namespace {

constexpr size_t kBytesPerLine = 60;

// A text that begins or ends with a space would look like another one.
bool is_plain(const std::string& bytes) {
  return !bytes.empty() && bytes.front() != ' ' && bytes.back() != ' ' &&
         std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string hex_lines(const std::string& bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && i % kBytesPerLine == 0) text += "\n  ";
    text += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
  }
  return text;
}

void append_hex(const std::string& digits, std::string& bytes) {
  TOCSIN_CHECK(digits.size() % 2 == 0, digits);
  for (size_t i = 0; i < digits.size(); i += 2) bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
}

}  // namespace

std::string to_text(const Entries& entries) {
  std::string text;
  for (const Entry& entry : entries) {
    if (!entry.bytes) {
      text += entry.name + " -\n";
    } else if (is_plain(*entry.bytes)) {
      text += fmt::format("{} = {}\n", entry.name, *entry.bytes);
    } else {
      text += fmt::format("{} :{}{}\n", entry.name, entry.bytes->empty() ? "" : " ", hex_lines(*entry.bytes));
    }
  }
  return text;
}

Entries from_text(const std::string& text) {
  Entries entries;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with("  ")) {
      TOCSIN_CHECK(!entries.empty() && entries.back().bytes, line);
      append_hex(line.substr(2), *entries.back().bytes);
      continue;
    }
    const size_t space = line.find(' ');
    TOCSIN_CHECK(space != std::string::npos && space + 1 < line.size(), line);
    Entry& entry = entries.emplace_back(Entry{line.substr(0, space), std::nullopt});
    const char kind = line[space + 1];
    if (kind == '-') continue;
    entry.bytes.emplace();
    if (line.substr(space) == " :") continue;
    TOCSIN_CHECK((kind == '=' || kind == ':') && line.size() >= space + 3, line);
    if (kind == '=') entry.bytes = line.substr(space + 3);
    if (kind == ':') append_hex(line.substr(space + 3), *entry.bytes);
  }
  return entries;
}

std::string path_of(const std::string& name) { return std::string(TOCSIN_GOLDEN_DATA) + "/" + name + ".golden"; }

Entries load(const std::string& name) {
  std::ifstream file(path_of(name));
  TOCSIN_CHECK(file.good(), "cannot read " + path_of(name));
  std::ostringstream text;
  text << file.rdbuf();
  return from_text(text.str());
}

const std::string& bytes_of(const Entries& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  TOCSIN_CHECK(found != entries.end() && found->bytes, "no bytes named " + name);
  return *found->bytes;
}

}  // namespace tocsin::golden
