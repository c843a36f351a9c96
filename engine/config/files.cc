#include "engine/config/files.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace tocsin::config {
namespace {

constexpr size_t kFileBytesMax = 16 << 20;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Frees what glob(3) has allocated, whatever it answered.
struct GlobResult {
  glob_t paths = {};
  ~GlobResult() { globfree(&paths); }
};

// glob(3) asks: a directory that is not there just holds no file; one that may not be read could hold some.
int is_serious(const char* /*path*/, int error) { return error == ENOENT || error == ENOTDIR ? 0 : 1; }

Status cannot_read(const std::string& path, int error) {
  return not_found(fmt::format("{}: the file cannot be read: {}", path, std::strerror(error)));
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) return cannot_read(path, errno);
  std::string content;
  char buffer[64 << 10];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, file.get())) {
    content.append(buffer, n);
    if (content.size() > kFileBytesMax) {
      return invalid_argument(fmt::format("{}: the file is larger than {} MiB; is it the right one?", path, kFileBytesMax >> 20));
    }
  }
  if (std::ferror(file.get()) != 0) return cannot_read(path, errno);
  return content;
}

std::string literal_pattern(std::string_view path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

Result<std::vector<std::string>> rule_files(const std::vector<std::string>& patterns) {
  std::vector<std::string> files;
  std::string missing;
  for (const std::string& pattern : patterns) {
    GlobResult found;
    const int error = glob(pattern.c_str(), 0, &is_serious, &found.paths);
    if (error != 0) {
      const char* reason = error == GLOB_NOMATCH ? "fits no file" : "cannot be searched: a directory is not readable";
      missing += fmt::format("{}rules: {} {}", missing.empty() ? "" : "\n", pattern, reason);
      continue;
    }
    for (size_t i = 0; i < found.paths.gl_pathc; ++i) {
      const std::string file = found.paths.gl_pathv[i];
      if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
    }
  }
  if (!missing.empty()) return not_found(missing);
  return files;
}

}  // namespace tocsin::config
