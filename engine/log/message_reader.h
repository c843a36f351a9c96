#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/status.h"
#include "engine/log/byte_stream.h"

namespace tocsin::log {

enum class Framing {
  kLines,      // a line is a message, without its newline and a carriage return before that; blank lines are none
  kDelimited,  // a base-128 length, then as many bytes (protobuf's writeDelimitedTo)
};

// Cuts the bytes of one file into messages.
//
// Messages are views into chunks of memory that the file is read into, so a message is copied only if it straddles two of them. A chunk
// grows for a message that does not fit.
//
// Thread:     confined.
// Lifetime:   the views of read() live as long as the chunk that comes with them; kRecordPadding readable bytes follow each.
// Invariants: (1) a chunk of which messages are still held outside is never written to again.
// Failure:    kDataLoss: corrupt or cut off; kInvalidArgument: a message above the limit. Both name the file and the line or message.
//             What came before the failure is handed out first.
class MessageReader {
 public:
  struct Options {
    Framing framing = Framing::kLines;
    size_t chunk_bytes = 1 << 20;
    size_t message_bytes_max = 64 << 20;
  };
  struct Messages {
    std::vector<std::string_view> views;
    std::shared_ptr<const char[]> chunk;
  };

  // `name` is the file's, for messages to people.
  MessageReader(std::string name, std::unique_ptr<ByteStream> stream, const Options& options);

  // The next messages, at least one and at most `count_max`; none: the end.
  Status read(size_t count_max, Messages& out);
  uint64_t raw_bytes_read() const { return stream_->raw_bytes_read(); }

 private:
  void cut_lines(size_t count_max, Messages& out);
  void add_line(size_t length, Messages& out);
  void cut_delimited(size_t count_max, Messages& out);
  void refill();
  void make_room();
  void fail_too_large();
  std::string place() const;

  const std::string name_;
  const std::unique_ptr<ByteStream> stream_;
  const Options options_;
  std::shared_ptr<char[]> chunk_;
  size_t capacity_ = 0;
  size_t begin_ = 0;     // of the first byte that was not handed out
  size_t searched_ = 0;  // [begin_, searched_) has no newline
  size_t end_ = 0;
  uint64_t messages_ = 0;  // lines, blank ones too, or delimited messages so far
  bool at_end_ = false;
  Status failure_;
};

}  // namespace tocsin::log
