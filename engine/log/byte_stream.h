#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"

namespace tocsin::log {

// An open file, pipe or terminal, with a look-ahead of up to 64 KiB.
//
// Thread:     confined.
// Lifetime:   owns its descriptor, unless it is the standard input.
// Invariants: (1) consumed() + available().size() bytes were read from the descriptor.
// Failure:    kNotFound: no such file; kInvalidArgument: it may not or cannot be opened; kDataLoss: reading failed.
class RawInput {
 public:
  // Opens `path`; "-" reads `stdin_descriptor`, which stays open.
  static Result<std::unique_ptr<RawInput>> open(const std::string& path, int stdin_descriptor);
  ~RawInput();
  RawInput(const RawInput&) = delete;
  RawInput& operator=(const RawInput&) = delete;

  const std::string& path() const { return path_; }
  std::string_view available() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consume(size_t bytes);
  // Reads more behind what is available. Reads nothing if the buffer is full, or at the end.
  Status fill();
  // Reads past the empty buffer into `to`; 0: the end.
  Result<size_t> read_directly(char* to, size_t size);
  bool at_end() const { return at_end_ && begin_ == end_; }
  bool nothing_more_to_read() const { return at_end_; }
  // Position in the file of the first available byte.
  uint64_t consumed() const { return consumed_; }

 private:
  RawInput(std::string path, int descriptor, bool owned) : path_(std::move(path)), descriptor_(descriptor), owned_(owned) {}

  std::string path_;
  int descriptor_;
  bool owned_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t consumed_ = 0;
  bool at_end_ = false;
};

// The decompressed bytes of a file, in order.
//
// Thread:  confined.
// Failure: kDataLoss, naming the file and the position of the compressed byte: corrupt or cut off. Fails again if called again.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Reads from 1 to `size` (> 0) bytes, fewer where more would have to be waited for; 0: the end.
  virtual Result<size_t> read(char* to, size_t size) = 0;
  // Bytes of the file that are used up.
  virtual uint64_t raw_bytes_read() const = 0;
};

// Opens `path` ("-": `stdin_descriptor`) and looks at its first bytes: gzip (any number of members), zstd (any number of frames), or
// plain. With `must_be_compressed`, plain content is kDataLoss.
Result<std::unique_ptr<ByteStream>> open_byte_stream(const std::string& path, bool must_be_compressed, int stdin_descriptor);

}  // namespace tocsin::log
