#pragma once

// What the state tests share: a directory of their own, and short ways to read a whole store.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "state/store.h"

namespace tocsin::state {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tocsin_state_XXXXXX").string();
    TOCSIN_CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory");
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

using Content = std::map<std::string, std::string>;

// Everything that a scan gives, in a map; fails the test if the keys do not rise strictly, or the walk ends in an error.
template <typename Readable>
Content read_all(const Readable& store, std::string_view from = {}, std::string_view to = {}) {
  Content content;
  const auto walk = store.scan(from, to);
  for (; walk->valid(); walk->next()) {
    const std::string key(walk->key());
    EXPECT_TRUE(content.empty() || content.rbegin()->first < key) << "scan goes back from " << content.rbegin()->first << " to " << key;
    content.emplace_hint(content.end(), key, walk->value());
  }
  EXPECT_TRUE(walk->status().ok()) << walk->status().message();
  return content;
}

}  // namespace tocsin::state
