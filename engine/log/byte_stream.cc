#include "engine/log/byte_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace tocsin::log {
namespace {

constexpr size_t kLookAheadBytes = 64 * 1024;
constexpr size_t kMagicBytes = 4;
constexpr int kGzipWindowBits = 15 + 16;  // zlib: the largest window, gzip framing only

Result<size_t> read_descriptor(int descriptor, const std::string& path, char* to, size_t size) {
  while (true) {
    const ssize_t got = ::read(descriptor, to, size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return data_loss(fmt::format("{}: reading failed: {}", path, std::strerror(errno)));
  }
}

// What decompressors have in common: they are fed from a RawInput, and may hold back output for lack of room.
class Decompressor : public ByteStream {
 public:
  explicit Decompressor(std::unique_ptr<RawInput> input) : input_(std::move(input)) {}

  Result<size_t> read(char* to, size_t size) final {
    size_t made = 0;
    while (made == 0) {
      if (!output_held_back_ && input_->available().empty()) {
        TOCSIN_RETURN_IF_ERROR(input_->fill());
        if (input_->at_end()) {
          if (!inside_) return size_t{0};
          return failure(fmt::format("the {} data is cut off", name()));
        }
      }
      Result<size_t> step_made = step(to, size);
      if (!step_made.ok()) return step_made;
      made = *step_made;
      output_held_back_ = made == size;
    }
    return made;
  }

  uint64_t raw_bytes_read() const final { return input_->consumed(); }

 protected:
  virtual const char* name() const = 0;
  // Decompresses what is available, as far as it fits; returns the number of bytes made.
  virtual Result<size_t> step(char* to, size_t size) = 0;
  Status failure(const std::string& what) const {
    return data_loss(fmt::format("{}: {} at byte {}", input_->path(), what, input_->consumed()));
  }

  std::unique_ptr<RawInput> input_;
  bool inside_ = false;  // between the first and the last byte of a member or frame

 private:
  bool output_held_back_ = false;
};

class GzipStream : public Decompressor {
 public:
  explicit GzipStream(std::unique_ptr<RawInput> input) : Decompressor(std::move(input)) {
    TOCSIN_CHECK(inflateInit2(&zlib_, kGzipWindowBits) == Z_OK, "out of memory");
  }
  ~GzipStream() override { inflateEnd(&zlib_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

 protected:
  const char* name() const override { return "gzip"; }

  Result<size_t> step(char* to, size_t size) override {
    if (!inside_ && !begin_member()) return size_t{0};
    const std::string_view in = input_->available();
    const auto room = static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
    zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    zlib_.avail_in = static_cast<uInt>(in.size());
    zlib_.next_out = reinterpret_cast<Bytef*>(to);
    zlib_.avail_out = room;
    const int code = inflate(&zlib_, Z_NO_FLUSH);
    input_->consume(in.size() - zlib_.avail_in);
    if (code == Z_STREAM_END) {
      inside_ = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return failure(fmt::format("the gzip data is corrupt ({})", zlib_.msg != nullptr ? zlib_.msg : zError(code)));
    }
    return size_t{room - zlib_.avail_out};
  }

 private:
  // Skips the zeros that block devices and tapes put behind a member. False: nothing but these is available.
  bool begin_member() {
    const std::string_view in = input_->available();
    const size_t zeros = std::min(in.find_first_not_of('\0'), in.size());
    input_->consume(zeros);
    if (zeros == in.size()) return false;
    inflateReset(&zlib_);
    inside_ = true;
    return true;
  }

  z_stream zlib_{};
};

class ZstdStream : public Decompressor {
 public:
  explicit ZstdStream(std::unique_ptr<RawInput> input) : Decompressor(std::move(input)), zstd_(ZSTD_createDStream()) {
    TOCSIN_CHECK(zstd_ != nullptr, "out of memory");
  }
  ~ZstdStream() override { ZSTD_freeDStream(zstd_); }
  ZstdStream(const ZstdStream&) = delete;
  ZstdStream& operator=(const ZstdStream&) = delete;

 protected:
  const char* name() const override { return "zstd"; }

  Result<size_t> step(char* to, size_t size) override {
    const std::string_view available = input_->available();
    ZSTD_inBuffer in{available.data(), available.size(), 0};
    ZSTD_outBuffer out{to, size, 0};
    const size_t code = ZSTD_decompressStream(zstd_, &out, &in);
    input_->consume(in.pos);
    if (ZSTD_isError(code) != 0) return failure(fmt::format("the zstd data is corrupt ({})", ZSTD_getErrorName(code)));
    // Called with nothing to do between two frames, it asks for the next header: that is not inside of one.
    if (in.pos > 0 || out.pos > 0) inside_ = code != 0;
    return out.pos;
  }

 private:
  ZSTD_DStream* zstd_;
};

class PlainStream : public ByteStream {
 public:
  explicit PlainStream(std::unique_ptr<RawInput> input) : input_(std::move(input)) {}

  Result<size_t> read(char* to, size_t size) override {
    const std::string_view ahead = input_->available();
    if (ahead.empty()) return input_->read_directly(to, size);
    const size_t count = std::min(size, ahead.size());
    std::memcpy(to, ahead.data(), count);
    input_->consume(count);
    return count;
  }

  uint64_t raw_bytes_read() const override { return input_->consumed(); }

 private:
  std::unique_ptr<RawInput> input_;
};

bool is_gzip(std::string_view head) { return head.starts_with("\x1f\x8b"); }

// A frame, or a skippable frame (RFC 8878, 3.1): 0xFD2FB528 and 0x184D2A50 to …5F, little-endian.
bool is_zstd(std::string_view head) {
  if (head.starts_with("\x28\xb5\x2f\xfd")) return true;
  return head.size() >= kMagicBytes && (static_cast<unsigned char>(head[0]) & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18";
}

}  // namespace

Result<std::unique_ptr<RawInput>> RawInput::open(const std::string& path, int stdin_descriptor) {
  if (path == "-") return std::unique_ptr<RawInput>(new RawInput("standard input", stdin_descriptor, false));
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const std::string why = fmt::format("{}: {}", path, std::strerror(errno));
    if (errno == ENOENT) return not_found(why);
    if (errno == EMFILE) return invalid_argument(why + "; raise the limit (ulimit -n), or pass the files in through standard input");
    return invalid_argument(why);
  }
  return std::unique_ptr<RawInput>(new RawInput(path, descriptor, true));
}

RawInput::~RawInput() {
  if (owned_) ::close(descriptor_);
}

void RawInput::consume(size_t bytes) {
  TOCSIN_CHECK(bytes <= end_ - begin_, path_);
  begin_ += bytes;
  consumed_ += bytes;
}

Status RawInput::fill() {
  if (buffer_.empty()) buffer_.resize(kLookAheadBytes);
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (at_end_ || end_ == buffer_.size()) return {};
  const Result<size_t> got = read_descriptor(descriptor_, path_, buffer_.data() + end_, buffer_.size() - end_);
  if (!got.ok()) return got.status();
  end_ += *got;
  at_end_ = *got == 0;
  return {};
}

Result<size_t> RawInput::read_directly(char* to, size_t size) {
  TOCSIN_CHECK(begin_ == end_, path_);
  if (at_end_) return size_t{0};
  Result<size_t> got = read_descriptor(descriptor_, path_, to, size);
  if (!got.ok()) return got;
  consumed_ += *got;
  at_end_ = *got == 0;
  return got;
}

Result<std::unique_ptr<ByteStream>> open_byte_stream(const std::string& path, bool must_be_compressed, int stdin_descriptor) {
  Result<std::unique_ptr<RawInput>> opened = RawInput::open(path, stdin_descriptor);
  if (!opened.ok()) return opened.status();
  std::unique_ptr<RawInput> input = std::move(*opened);
  while (input->available().size() < kMagicBytes && !input->nothing_more_to_read()) TOCSIN_RETURN_IF_ERROR(input->fill());
  const std::string_view head = input->available();
  if (is_gzip(head)) return std::unique_ptr<ByteStream>(std::make_unique<GzipStream>(std::move(input)));
  if (is_zstd(head)) return std::unique_ptr<ByteStream>(std::make_unique<ZstdStream>(std::move(input)));
  if (must_be_compressed) return data_loss(fmt::format("{}: neither gzip nor zstd data begins at byte 0", input->path()));
  return std::unique_ptr<ByteStream>(std::make_unique<PlainStream>(std::move(input)));
}

}  // namespace tocsin::log
