#pragma once

// The telemetry of a schedule: what its applications write, in what order, and what happens to the input topic meanwhile.
//
// Thread: a plain value; make_input() is a pure function.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/coverage.h"

namespace tocsin::simulation {

inline constexpr int64_t kBaseMs = 1'700'000'000'000;  // event time 0 of every input; a multiple of 10 s

struct Message {
  int32_t partition;
  std::string text;
};

// One thing that the applications do.
struct InputStep {
  enum class Kind : uint8_t {
    kMessages,      // written outside any transaction
    kTransaction,   // written in a transaction, committed later
    kRolledBack,    // written in a transaction, rolled back later
    kAddPartition,  // the topic grows by one, and the messages are the first of the new partition
  };
  Kind kind;
  int64_t at_ms;  // event time that it speaks of, roughly
  std::vector<Message> messages;
};

struct Input {
  int32_t partitions = 1;  // at first
  std::vector<InputStep> steps;
  bool grows = false;  // a partition is added
  Coverage coverage;   // kLateEvent
};

// The alerts that it should bring about are a function of the input: the first event of a step of kAddPartition is at or ahead of all event
// times before it, and whoever writes it must see all that was written before read, and the new partition taken up before he writes what
// follows. Each partition ends with an event far ahead.
Input make_input(uint64_t seed);

}  // namespace tocsin::simulation
