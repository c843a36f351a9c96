#include "engine/runtime/incidents.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/instant.h"

namespace tocsin {
namespace {

constexpr size_t kMistakesShown = 20;

struct Record {
  size_t line = 0;  // where it begins, from 1
  std::vector<std::string> fields;
  bool empty() const { return fields.size() == 1 && fields[0].empty(); }
};

// The records of a CSV text, one after the other.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);  // spreadsheets write a byte order mark
  }

  bool done() const { return rest_.empty(); }

  // The next record, or what is wrong with it; after a mistake the reader stands at its end.
  Result<Record> next() {
    Record record;
    record.line = line_;
    while (true) {
      Result<std::string> field = rest_.starts_with('"') ? quoted() : plain();
      if (!field.ok()) {
        rest_ = {};
        return field.status();
      }
      record.fields.push_back(*std::move(field));
      if (!rest_.starts_with(',')) break;
      rest_.remove_prefix(1);
    }
    if (rest_.starts_with("\r\n")) rest_.remove_prefix(1);
    if (!rest_.empty()) rest_.remove_prefix(1);
    ++line_;
    return record;
  }

 private:
  Result<std::string> plain() {
    size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
    std::string_view field = rest_.substr(0, end);
    if (field.ends_with('\r') && rest_.substr(end).starts_with('\n')) field.remove_suffix(1);
    if (field.find('"') != std::string_view::npos) return mistake("a quote inside a field without quotes; write \"a \"\"b\"\" c\"");
    rest_.remove_prefix(field.size());
    return std::string(field);
  }

  Result<std::string> quoted() {
    std::string field;
    const size_t begin = line_;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\n') ++line_;
      if (rest_[i] != '"') {
        field += rest_[i];
      } else if (rest_.substr(i + 1).starts_with('"')) {
        field += rest_[++i];
      } else {
        rest_.remove_prefix(i + 1);
        const bool ends = rest_.empty() || rest_.starts_with(',') || rest_.starts_with('\n') || rest_.starts_with("\r\n");
        if (!ends) return mistake("text behind the closing quote of a field");
        return field;
      }
    }
    line_ = begin;
    return mistake("a quoted field that never ends");
  }

  Status mistake(std::string_view text) const { return invalid_argument(fmt::format("{}: {}", line_, text)); }

  std::string_view rest_;
  size_t line_ = 1;
};

// Puts records into incidents by the names of the columns, and collects what is wrong.
class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  Result<IncidentFile> read(std::string_view text) {
    CsvReader csv(text);
    while (!csv.done()) {
      const Result<Record> record = csv.next();
      if (!record.ok()) {
        mistakes_.push_back(fmt::format("{}:{}", file_, record.status().message()));
      } else if (columns_.empty()) {
        read_header(*record);
        if (!mistakes_.empty()) break;  // without it nothing below can be understood
      } else if (!record->empty()) {
        read_incident(*record);
      }
    }
    if (columns_.empty() && mistakes_.empty()) complain(1, "the file is empty; it begins with a header such as name,start,end,domain");
    if (mistakes_.empty()) return std::move(result_);
    if (mistakes_.size() > kMistakesShown) {
      const size_t more = mistakes_.size() - kMistakesShown;
      mistakes_.resize(kMistakesShown);
      mistakes_.push_back(fmt::format("{}: and {} more", file_, more));
    }
    return invalid_argument(fmt::format("{}", fmt::join(mistakes_, "\n")));
  }

 private:
  void complain(size_t line, std::string_view text) { mistakes_.push_back(fmt::format("{}:{}: {}", file_, line, text)); }

  void read_header(const Record& record) {
    columns_ = record.fields;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string& name = columns_[i];
      if (name.empty()) complain(record.line, fmt::format("column {} has no name", i + 1));
      if (std::find(columns_.begin(), columns_.begin() + static_cast<std::ptrdiff_t>(i), name) !=
          columns_.begin() + static_cast<std::ptrdiff_t>(i)) {
        complain(record.line, fmt::format("two columns are called '{}'", name));
      }
      if (name != "name" && name != "start" && name != "end" && name != "rule") result_.label_columns.push_back(name);
    }
    for (const char* required : {"start", "end"}) {
      if (std::find(columns_.begin(), columns_.end(), required) != columns_.end()) continue;
      complain(record.line,
               fmt::format("there is no column '{}'; the first line names the columns: name,start,end,rule and labels", required));
    }
  }

  void read_incident(const Record& record) {
    if (record.fields.size() != columns_.size()) {
      return complain(record.line, fmt::format("{} fields, but the header has {}", record.fields.size(), columns_.size()));
    }
    Incident incident;
    incident.line = record.line;
    bool sound = true;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string& column = columns_[i];
      const std::string& field = record.fields[i];
      if (column == "name") {
        incident.name = field;
      } else if (column == "rule") {
        incident.rule = field;
      } else if (column == "start" || column == "end") {
        const std::optional<int64_t> time = parse_instant(field);
        if (!time)
          complain(record.line, fmt::format("{} '{}' is neither a time such as 2026-01-31T08:00:00Z nor Unix milliseconds", column, field));
        sound = sound && time;
        (column == "start" ? incident.start : incident.end) = EventTime{time.value_or(0)};
      } else if (!field.empty()) {
        incident.labels.emplace(column, field);
      }
    }
    if (!sound) return;
    if (incident.end < incident.start) return complain(record.line, "the end is before the start");
    result_.incidents.push_back(std::move(incident));
  }

  const std::string& file_;
  std::vector<std::string> columns_;
  std::vector<std::string> mistakes_;
  IncidentFile result_;
};

}  // namespace

Result<IncidentFile> parse_incidents(std::string_view text, const std::string& file) { return Reader(file).read(text); }

}  // namespace tocsin
