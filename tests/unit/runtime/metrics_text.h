#pragma once

// The text format of Prometheus and the table of docs/metrics.md, read back as far as tests compare them.

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace tocsin {

struct FamilyShape {
  std::string type;
  std::set<std::string> labels;
  friend bool operator==(const FamilyShape&, const FamilyShape&) = default;
};
using FamilyShapes = std::map<std::string, FamilyShape>;

inline void PrintTo(const FamilyShape& shape, std::ostream* out) {
  *out << shape.type << " {";
  for (const std::string& label : shape.labels) *out << " " << label;
  *out << " }";
}

// Names before '=' within the braces of a sample. Values must not hold braces, commas or quotes: those of tests do not.
inline std::set<std::string> labels_of(const std::string& sample) {
  std::set<std::string> labels;
  const size_t open = sample.find('{');
  if (open == std::string::npos) return labels;
  std::istringstream inside(sample.substr(open + 1, sample.find('}') - open - 1));
  for (std::string pair; std::getline(inside, pair, ',');) labels.insert(pair.substr(0, pair.find('=')));
  labels.erase("le");
  return labels;
}

inline FamilyShapes exported_shapes(const std::string& text) {
  FamilyShapes families;
  std::string current;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, kind, type;
    if (line.starts_with("# TYPE ") && words >> hash >> kind >> current >> type) families[current].type = type;
    if (line.starts_with("#")) continue;
    const std::set<std::string> labels = labels_of(line);
    families[current].labels.insert(labels.begin(), labels.end());
  }
  return families;
}

// Rows "| `name` | type | `label`, `label` | ...".
inline FamilyShapes documented_shapes(const std::string& path) {
  FamilyShapes families;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(cell);
    if (cells.size() < 3) continue;
    const auto quoted = [](const std::string& cell) {
      std::set<std::string> words;
      for (size_t at = cell.find('`'); at != std::string::npos;) {
        const size_t end = cell.find('`', at + 1);
        words.insert(cell.substr(at + 1, end - at - 1));
        at = cell.find('`', end + 1);
      }
      return words;
    };
    std::string type = cells[1];
    std::erase(type, ' ');
    families[*quoted(cells[0]).begin()] = {type, quoted(cells[2])};
  }
  return families;
}

// The value of the sample that is written so, labels and all; -1 if there is none.
inline double value_of(const std::string& text, const std::string& sample) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(sample + " ")) return std::stod(line.substr(sample.size() + 1));
  }
  return -1;
}

}  // namespace tocsin
