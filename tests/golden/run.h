#pragma once

// Lives of both workers, stopped in the middle: what each leaves in the log is one golden file, and another process has to go on from it as
// if nothing had been in between. Entries are named <topic>.<partition>.<offset>.key and .value; further: `clock`, and
// offset.<topic>.<partition> with metadata.<topic>.<partition> for what the groups have committed.

#include <string>
#include <vector>

#include "tests/golden/golden_file.h"
#include "tests/unit/runtime/engine_fixture.h"

namespace tocsin::golden {

struct Life {
  const char* rules;
  void (*feed_second)(Engine& engine, int second);
  int seconds_before_stop;
  int seconds_in_all;
};
// Windows of some seconds: alert instances in each state, rows that wait for their tick.
extern const Life kShortLife;
// Windows of a minute and more: panes of all widths up to a minute.
extern const Life kLongLife;

// The first half, run today.
Entries run_to_keep(const Life& life);

// The alert events of both halves, one line each, sorted.
std::vector<std::string> alerts_of_whole_run(const Life& life);
// The same when the second half begins with an empty store over the log of a first half that somebody left.
std::vector<std::string> alerts_going_on_from(const Entries& kept, const Life& life);

}  // namespace tocsin::golden
