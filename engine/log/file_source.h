#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status.h"
#include "engine/log/log.h"
#include "engine/log/message_reader.h"

namespace tocsin::log {

struct FileSourceOptions {
  std::vector<std::string> paths;  // in the order of the partitions; "-" (once): the standard input
  size_t message_bytes_max = 64 << 20;
  size_t poll_records_max = 4'096;
  size_t poll_bytes_max = 1 << 20;  // roughly; less if many files have to share the memory
  // Where the offsets of these files were committed; empty: nowhere, so every assignment comes without a committed offset.
  std::function<std::optional<CommittedOffset>(const TopicPartition&)> committed;
  int stdin_descriptor = 0;
};

// How far the files have been read, in bytes as they lie on disk (compressed).
struct FileProgress {
  uint64_t bytes_read = 0;
  std::optional<uint64_t> bytes_total;  // absent if one of them is a pipe or terminal
};

// Files as the input partitions of a topic "files", for backtest (SPEC 2, "end of files"; SPEC 6): partition i is the i-th path.
//
//   name.jsonl              a line is a message; a newline may be missing at the end, and a carriage return before it is not part of it
//   name.jsonl.gz, .zst     the same, compressed: gzip of any number of members, zstd of any number of frames
//   name.pb                 length-delimited TelemetryBatches; records have content type "application/x-protobuf". Also .pb.gz, .pb.zst
//   -, pipes, devices       as .jsonl
// Compression is found by the first bytes, whatever the name; a name that promises it is held to it. Blank lines (spaces, tabs) are no
// messages: they have no offset and are not dead letters. Offsets count messages from 0. Records have no key and no timestamp.
//
// The first poll() assigns all files. Each poll() hands out messages of one file, the unpaused ones taking turns; a file whose last
// message an earlier poll() handed out is reported by on_finished, and stays assigned until close(). If all are paused or finished,
// poll() returns at once with nothing. `timeout` is not kept to: files are always ready, and standard input is waited for.
// probe_end() is never answered: a file has no readable end before on_finished, and stands never idle. on_assigned may answer kEarliest
// or kOffset (messages below are read and skipped).
//
// Thread:   confined.
// Lifetime: the listener outlives it. Batches may outlive it. A file is opened when first read and closed when finished.
// Memory:   some poll_bytes_max a file, 64 MiB in all files together (at least 128 KiB each), and twice the longest message.
// Failure:  open(): kNotFound, kInvalidArgument (unknown ending, directory, "-" twice). poll(): kDataLoss (corrupt, cut off, unreadable,
//           shorter than the offset to start from), kInvalidArgument (message too long, other start position); the error names file and
//           place, comes after all messages before that place, and comes again. rewind(): kInvalidArgument if a pipe has been read.
class FileSource : public GroupConsumer {
 public:
  static constexpr const char* kTopic = "files";

  static Result<std::unique_ptr<FileSource>> open(FileSourceOptions options, ConsumerListener& listener);

  Status poll(Duration timeout, RecordBatch& batch) override;
  const std::vector<TopicPartition>& sources() const override { return sources_; }
  int64_t position(int32_t source) const override { return file(source).position; }
  Result<std::vector<std::pair<std::string, int32_t>>> partition_counts() override;
  void pause(int32_t source) override { file(source).paused = true; }
  void resume(int32_t source) override { file(source).paused = false; }
  void probe_end(int32_t) override {}
  Status rewind() override;
  // An UnfencedGroup named "files": MemoryLog stores offsets of it without check.
  std::shared_ptr<const GroupMetadata> group_metadata() override { return metadata_; }
  Status close() override;

  FileProgress progress() const;

 private:
  struct File {
    std::string path;
    Framing framing = Framing::kLines;
    bool must_be_compressed = false;
    std::optional<uint64_t> bytes;          // absent: not a regular file
    std::unique_ptr<MessageReader> reader;  // while being read
    uint64_t bytes_read = 0;
    int64_t position = 0;    // of the next message that is handed out
    int64_t skipped_to = 0;  // of the next message in the file
    bool paused = false;
    bool finished = false;
  };

  FileSource(FileSourceOptions options, ConsumerListener& listener, std::vector<File> files);
  static Result<File> inspect(const std::string& path);

  Status assign();
  // Fills `messages` from `file`'s position; empty at its end.
  Status read(File& file, MessageReader::Messages& messages);
  Status open_reader(File& file) const;
  void hand_out(int32_t source, MessageReader::Messages messages, RecordBatch& batch);
  std::vector<int32_t> all_sources() const;
  File& file(int32_t source) { return files_[static_cast<size_t>(source)]; }
  const File& file(int32_t source) const { return files_[static_cast<size_t>(source)]; }

  const FileSourceOptions options_;
  ConsumerListener& listener_;
  std::vector<File> files_;
  std::vector<TopicPartition> sources_;
  std::shared_ptr<const GroupMetadata> metadata_;
  bool assigned_ = false;
  bool closed_ = false;
  size_t turn_ = 0;  // whose turn it is
};

}  // namespace tocsin::log
