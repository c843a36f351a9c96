#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/simulation/checks.h"
#include "tests/simulation/coverage.h"
#include "tests/simulation/input.h"
#include "tests/simulation/process.h"

namespace tocsin::simulation {

// Neighbouring seeds share an input, so that its undisturbed run is made once for all of them.
inline constexpr uint64_t kSeedsPerInput = 16;

// Runs the schedules of seeds, one after the other, and judges them.
//
// Thread: confined; several may run at once.
class Runner {
 public:
  // What is wrong with the schedule of this seed; nothing if all is well. `verbose`: prints what happens in it.
  std::optional<std::string> run(uint64_t seed, bool verbose);

  const Coverage& coverage() const { return coverage_; }

 private:
  void take_input(uint64_t input_seed);
  struct Outcome {
    std::optional<std::string> problem;
    Published published;
    bool misled = false;
    bool stopped = false;
  };
  Outcome run(const Engine& engine, uint64_t seed, bool disturbed, const Trace& trace, Coverage& coverage) const;

  std::optional<uint64_t> input_seed_;
  Input input_;
  Engine engine_;
  Published expected_;
  std::string undisturbed_problem_;
  Coverage coverage_;
};

}  // namespace tocsin::simulation
