#pragma once

// Whether a process lives, and whether it does its work: /healthz and /readyz (DESIGN 5).
//
// Lives: no worker of it has ended with an error. A process that waits for its brokers lives: starting it again would not help.
// Ready: it runs, every worker is in its group and has restored its state, the brokers answer, and no partition's watermark stands still
// while there is more to read.
//
// Thread: pure functions.

#include <string>
#include <vector>

#include "engine/runtime/process_view.h"

namespace tocsin {

struct Health {
  std::vector<std::string> reasons;  // why not, a line each

  bool ok() const { return reasons.empty(); }
  // A page: the reasons, or "ok".
  std::string text() const;
};

// A worker asks the brokers something at least once a second, so this long without an answer means that they are away.
inline constexpr Duration kBrokerSilence{10'000};
inline constexpr Duration kStall{30'000};

Health live(const ProcessView& process);
Health ready(const ProcessView& process);

}  // namespace tocsin
