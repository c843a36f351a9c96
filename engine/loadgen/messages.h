#pragma once

// A load as a sequence of messages: which events each holds, in which partition it goes, when it is due.
//
// Thread:     worker-confined (reuses its buffers).
// Invariants: (1) message number j holds the events j*batch to (j+1)*batch - 1 and lies in partition j mod partitions;
//             (2) its bytes depend on the options and j alone.
// Failure:    none.

#include <cstdint>
#include <string>

#include "engine/loadgen/encoder.h"
#include "engine/loadgen/generator.h"

namespace tocsin::loadgen {

struct Message {
  std::string value;
  int32_t partition = 0;
  uint64_t events = 0;  // may be 0: all of them were silenced; such a message is not to be sent
};

class Messages {
 public:
  // `options` must be valid.
  explicit Messages(LoadOptions options);

  // How many messages there are; UINT64_MAX if the load has no end.
  uint64_t count() const;
  // Makes message number j (< count()) in `message`.
  void make(uint64_t j, Message& message);
  // The time at which message number j is complete and can be sent: when its last event is due.
  EventTime due(uint64_t j) const;
  const LoadOptions& options() const { return generator_.options(); }

 private:
  uint64_t end_of(uint64_t j) const;

  Generator generator_;
  Encoder encoder_;
};

}  // namespace tocsin::loadgen
