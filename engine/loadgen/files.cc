#include "engine/loadgen/files.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tocsin::loadgen {
namespace {

Status write_failed(const std::string& path, int error) {
  return unavailable(fmt::format("cannot write to {}: {}", path, std::strerror(error)));
}

std::string path_of(const std::filesystem::path& path, int32_t partition, int32_t partitions) {
  if (partitions == 1) return path.string();
  std::filesystem::path numbered = path.parent_path() / path.stem();
  numbered += fmt::format("-{}", partition);
  numbered += path.extension();
  return numbered.string();
}

bool write_length(std::FILE* file, uint64_t length) {
  std::array<unsigned char, 10> bytes;
  size_t n = 0;
  for (; length >= 0x80; length >>= 7) bytes[n++] = static_cast<unsigned char>(length | 0x80);
  bytes[n++] = static_cast<unsigned char>(length);
  return std::fwrite(bytes.data(), 1, n, file) == n;
}

}  // namespace

Result<LoadFiles> LoadFiles::create(const std::string& path, int32_t partitions, Format format) {
  LoadFiles result;
  result.format_ = format;
  for (int32_t p = 0; p < partitions; ++p) {
    result.paths_.push_back(path_of(path, p, partitions));
    result.files_.emplace_back(std::fopen(result.paths_.back().c_str(), "wb"));
    if (!result.files_.back()) {
      return invalid_argument(
          fmt::format("cannot create {}: {}; give a file that can be written", result.paths_.back(), std::strerror(errno)));
    }
  }
  return result;
}

Status LoadFiles::write(int32_t partition, std::string_view message) {
  const auto index = static_cast<size_t>(partition);
  std::FILE* file = files_[index].get();
  bool ok = true;
  if (format_ == Format::kProtobuf) ok = write_length(file, message.size());
  ok = ok && std::fwrite(message.data(), 1, message.size(), file) == message.size();
  if (format_ == Format::kJson) ok = ok && std::fputc('\n', file) != EOF;
  return ok ? Status() : write_failed(paths_[index], errno);
}

Status LoadFiles::finish() {
  for (size_t i = 0; i < files_.size(); ++i) {
    if (std::fclose(files_[i].release()) != 0) return write_failed(paths_[i], errno);
  }
  files_.clear();
  return {};
}

}  // namespace tocsin::loadgen
