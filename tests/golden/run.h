#pragma once

// A short life of both workers, stopped in the middle: what it leaves in the log is one golden file, and another process has to go on from
// it as if nothing had been in between. Entries are named <topic>.<partition>.<offset>.key and .value; further: `clock`, and
// offset.<topic>.<partition> with metadata.<topic>.<partition> for what the groups have committed.

#include <string>
#include <vector>

#include "tests/golden/golden_file.h"

namespace tocsin::golden {

// The first half, run today.
Entries run_to_keep();

// The alert events of both halves, one line each, sorted.
std::vector<std::string> alerts_of_whole_run();
// The same when the second half begins with an empty store over the log of a first half that somebody left.
std::vector<std::string> alerts_going_on_from(const Entries& kept);

}  // namespace tocsin::golden
