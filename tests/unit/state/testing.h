#pragma once

// What the state tests share: a short way to read a whole store, beside a directory of their own.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "state/store.h"
#include "tests/unit/temporary_directory.h"

namespace tocsin::state {

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
