#include "engine/log/file_source.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <string_view>

#include "engine/log/group_identity.h"

namespace tocsin::log {
namespace {

constexpr size_t kChunkBytesInAll = 64 << 20;
constexpr size_t kChunkBytesMin = 64 * 1024;
constexpr std::string_view kProtobufContentType = "application/x-protobuf";

struct ChunkHolder : RecordBatch::Storage {
  explicit ChunkHolder(std::shared_ptr<const char[]> held) : chunk(std::move(held)) {}
  std::shared_ptr<const char[]> chunk;
};

bool remove_ending(std::string_view& name, std::string_view ending) {
  if (!name.ends_with(ending)) return false;
  name.remove_suffix(ending.size());
  return true;
}

}  // namespace

Result<std::unique_ptr<FileSource>> FileSource::open(FileSourceOptions options, ConsumerListener& listener) {
  if (options.paths.empty()) return invalid_argument("no event files were given");
  if (std::count(options.paths.begin(), options.paths.end(), "-") > 1) {
    return invalid_argument("the standard input (-) can be read only once");
  }
  std::vector<File> files;
  for (const std::string& path : options.paths) {
    Result<File> file = inspect(path);
    if (!file.ok()) return file.status();
    files.push_back(std::move(*file));
  }
  return std::unique_ptr<FileSource>(new FileSource(std::move(options), listener, std::move(files)));
}

FileSource::FileSource(FileSourceOptions options, ConsumerListener& listener, std::vector<File> files)
    : options_(std::move(options)), listener_(listener), files_(std::move(files)), metadata_(std::make_shared<UnfencedGroup>(kTopic)) {
  for (size_t i = 0; i < files_.size(); ++i) sources_.push_back({kTopic, static_cast<int32_t>(i)});
}

Result<FileSource::File> FileSource::inspect(const std::string& path) {
  File file;
  file.path = path;
  if (path == "-") return file;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    const std::string why = fmt::format("{}: {}", path, std::strerror(errno));
    return errno == ENOENT ? not_found(why) : invalid_argument(why);
  }
  if (S_ISDIR(info.st_mode)) return invalid_argument(fmt::format("{} is a directory; name the files in it", path));
  if (!S_ISREG(info.st_mode)) return file;
  file.bytes = static_cast<uint64_t>(info.st_size);
  std::string_view name = path;
  file.must_be_compressed = remove_ending(name, ".gz") || remove_ending(name, ".zst");
  if (remove_ending(name, ".pb")) {
    file.framing = Framing::kDelimited;
  } else if (!remove_ending(name, ".jsonl")) {
    return invalid_argument(
        fmt::format("{}: unknown kind of file; known are .jsonl and .pb, either also with .gz or .zst behind it", path));
  }
  return file;
}

Status FileSource::poll(Duration, RecordBatch& batch) {
  TOCSIN_CHECK(!closed_, "poll() after close()");
  batch.clear();
  if (!assigned_) TOCSIN_RETURN_IF_ERROR(assign());
  for (size_t i = 0; i < files_.size(); ++i) {
    const size_t index = turn_++ % files_.size();
    File& next = files_[index];
    if (next.paused || next.finished) continue;
    MessageReader::Messages messages;
    TOCSIN_RETURN_IF_ERROR(read(next, messages));
    const auto source = static_cast<int32_t>(index);
    if (!messages.views.empty()) {
      hand_out(source, std::move(messages), batch);
      return {};
    }
    next.finished = true;
    next.reader.reset();
    listener_.on_finished(source);
  }
  return {};
}

Status FileSource::assign() {
  std::vector<Assignment> assignments;
  for (const int32_t source : all_sources()) {
    assignments.push_back({source, std::nullopt});
    if (options_.committed) assignments.back().committed = options_.committed(sources_[static_cast<size_t>(source)]);
  }
  const Result<std::vector<StartPosition>> starts = listener_.on_assigned(assignments);
  if (!starts.ok()) return starts.status();
  TOCSIN_CHECK(starts->size() == files_.size(), "on_assigned must answer for each partition");
  for (size_t i = 0; i < files_.size(); ++i) {
    const StartPosition& start = (*starts)[i];
    const bool at_offset = start.kind == StartPosition::Kind::kOffset && start.value >= 0;
    if (!at_offset && start.kind != StartPosition::Kind::kEarliest) {
      return invalid_argument(fmt::format("{}: a file can be read from its start or from an offset, not from a time", files_[i].path));
    }
    files_[i].position = at_offset ? start.value : 0;
  }
  assigned_ = true;
  return {};
}

Status FileSource::read(File& file, MessageReader::Messages& messages) {
  if (file.reader == nullptr) TOCSIN_RETURN_IF_ERROR(open_reader(file));
  do {
    const int64_t to_skip = file.position - file.skipped_to;
    const auto count_max = static_cast<int64_t>(options_.poll_records_max);
    const Status status = file.reader->read(static_cast<size_t>(to_skip > 0 ? std::min(to_skip, count_max) : count_max), messages);
    file.bytes_read = file.reader->raw_bytes_read();
    TOCSIN_RETURN_IF_ERROR(status);
    if (to_skip == 0) return {};
    if (messages.views.empty()) {
      return data_loss(fmt::format("{} has {} messages; reading was to start at {}", file.path, file.skipped_to, file.position));
    }
    file.skipped_to += static_cast<int64_t>(messages.views.size());
  } while (true);
}

Status FileSource::open_reader(File& file) const {
  Result<std::unique_ptr<ByteStream>> stream = open_byte_stream(file.path, file.must_be_compressed, options_.stdin_descriptor);
  if (!stream.ok()) return stream.status();
  const size_t share = std::max(kChunkBytesInAll / files_.size(), kChunkBytesMin);
  const MessageReader::Options options{
      .framing = file.framing, .chunk_bytes = std::min(options_.poll_bytes_max, share), .message_bytes_max = options_.message_bytes_max};
  file.reader = std::make_unique<MessageReader>(file.path == "-" ? "standard input" : file.path, std::move(*stream), options);
  file.skipped_to = 0;
  return {};
}

void FileSource::hand_out(int32_t source, MessageReader::Messages messages, RecordBatch& batch) {
  File& from = file(source);
  batch.records.reserve(messages.views.size());
  for (const std::string_view value : messages.views) {
    Record& record = batch.records.emplace_back();
    record.source = source;
    record.offset = from.position++;
    record.value = value;
    record.padded = true;
    if (from.framing == Framing::kDelimited) record.content_type = kProtobufContentType;
  }
  from.skipped_to = from.position;
  batch.storage = std::make_unique<ChunkHolder>(std::move(messages.chunk));
}

Result<std::vector<std::pair<std::string, int32_t>>> FileSource::partition_counts() {
  return std::vector<std::pair<std::string, int32_t>>{{kTopic, static_cast<int32_t>(files_.size())}};
}

Status FileSource::rewind() {
  TOCSIN_CHECK(!closed_, "rewind() after close()");
  if (!assigned_) return {};
  for (const File& each : files_) {
    if (!each.bytes && (each.reader != nullptr || each.finished)) {
      return invalid_argument(
          fmt::format("{} cannot be read a second time; start again from a file", each.path == "-" ? "the standard input" : each.path));
    }
  }
  listener_.on_lost(all_sources());
  assigned_ = false;
  for (File& each : files_) {
    each.reader.reset();
    each.bytes_read = 0;
    each.paused = false;
    each.finished = false;
  }
  return assign();
}

Status FileSource::close() {
  if (closed_) return {};
  closed_ = true;
  if (assigned_) listener_.on_revoked(all_sources());
  for (File& each : files_) each.reader.reset();
  return {};
}

FileProgress FileSource::progress() const {
  FileProgress progress{.bytes_read = 0, .bytes_total = 0};
  for (const File& each : files_) {
    progress.bytes_read += each.bytes_read;
    if (!each.bytes) {
      progress.bytes_total.reset();
    } else if (progress.bytes_total) {
      *progress.bytes_total += *each.bytes;
    }
  }
  return progress;
}

std::vector<int32_t> FileSource::all_sources() const {
  std::vector<int32_t> sources(files_.size());
  std::iota(sources.begin(), sources.end(), 0);
  return sources;
}

}  // namespace tocsin::log
