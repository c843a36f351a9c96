#pragma once

// Incidents that are known to have happened, as a CSV file names them: what a backtest's alerts are held against.
//
//   name,start,end,domain,region,rule
//   db-failover,2026-01-31T08:00:00Z,2026-01-31T08:12:00Z,wallet,eu,
//   slow-search,1769850000000,1769850300000,search,,SearchSlow
//
// RFC 4180 in UTF-8: fields with a comma, a quote or a line break stand in double quotes, quotes in them twice. The first record is the
// header. `start` and `end` are required: RFC 3339 or Unix milliseconds. `name` is shown; `rule` restricts the incident to one rule; every
// other column is a label of the alerts that the incident may cause, "" being any.
//
// Thread:  pure functions.
// Failure: kInvalidArgument, one line "file:line: what is wrong" a mistake.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/base/time.h"

namespace tocsin {

struct Incident {
  std::string name;  // "" if the file has none
  EventTime start;
  EventTime end;                              // >= start
  std::string rule;                           // "": any
  std::map<std::string, std::string> labels;  // the non-empty ones
  size_t line = 0;                            // of the file, from 1
};

struct IncidentFile {
  std::vector<Incident> incidents;  // in the order of the file
  std::vector<std::string> label_columns;
};

Result<IncidentFile> parse_incidents(std::string_view text, const std::string& file);

}  // namespace tocsin
