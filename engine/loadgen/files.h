#pragma once

// Writes a load's messages to files that `tocsin backtest` reads as input partitions, one file each.
//
// Thread:   worker-confined.
// Lifetime: finish() must be called to know that everything was written; the destructor only closes.
// Failure:  with the file's name and the system's reason: kInvalidArgument if it cannot be created, kUnavailable if it cannot be written
//           any further (disk full).

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/loadgen/options.h"

namespace tocsin::loadgen {

class LoadFiles {
 public:
  // One partition: `path` itself. Several: "out.jsonl" becomes "out-0.jsonl", "out-1.jsonl", … Existing files are replaced.
  static Result<LoadFiles> create(const std::string& path, int32_t partitions, Format format);

  // JSON: one line. Protobuf: the batch behind its length as a varint.
  Status write(int32_t partition, std::string_view message);
  Status finish();
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  LoadFiles() = default;

  Format format_ = Format::kJson;
  std::vector<std::string> paths_;
  std::vector<File> files_;
};

}  // namespace tocsin::loadgen
