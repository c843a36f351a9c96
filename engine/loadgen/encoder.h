#pragma once

// Writes a load's events as messages (SPEC 1): JSON objects, or tocsin.v1.TelemetryBatch.
//
// The bytes of every name are prepared once, so that a message costs copies and a few varints: making load must be far cheaper
// than reading it.
//
// Thread:   worker-confined (it reuses its buffers).
// Failure:  none.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/loadgen/generator.h"

namespace tocsin::loadgen {

class Encoder {
 public:
  // `options` must be valid. Uses its names, format, actors and trace_ids.
  explicit Encoder(const LoadOptions& options);

  // Begins a message in `out`, which is cleared.
  void begin(std::string& out);
  void add(const LoadEvent& event, std::string& out);
  // JSON: one object as it is, several as an array. Protobuf: nothing more to do.
  void end(std::string& out);

 private:
  void add_json(const LoadEvent& event, std::string& out) const;
  void add_protobuf(const LoadEvent& event, std::string& out) const;
  const std::string& label(const LoadEvent& event, size_t i) const { return names_.labels[i][event.labels[i]]; }

  struct Names {
    std::vector<std::string> domain;
    std::vector<std::string> operation;  // by domain * number of operations + operation
    std::vector<std::string> region;
    std::vector<std::string> error_code;
    std::vector<std::vector<std::string>> labels;  // of each label, the values
  };

  Format format_;
  bool trace_ids_;
  bool actors_;
  size_t operations_;
  Names names_;  // in the format's own encoding, with everything around them that is constant
  size_t count_ = 0;
};

}  // namespace tocsin::loadgen
