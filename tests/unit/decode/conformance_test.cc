// The shared conformance scenarios: which events of their files a reference counted as bad. TOCSIN_SHARED names the folder that
// holds conformance/; without it the test is skipped.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <zlib.h>
#include <nlohmann/json.hpp>

#include "tests/unit/decode/harness.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;
using Places = std::set<std::pair<uint64_t, uint64_t>>;  // of events: line, index in it

// The content of a file, unpacked if it is packed (zlib reads plain files as they are).
std::string content_of(const fs::path& path) {
  std::string content;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return content;
  char block[1 << 16];
  for (int read = 0; (read = gzread(file, block, sizeof block)) > 0;) content.append(block, static_cast<size_t>(read));
  gzclose(file);
  return content;
}

struct Counts {
  Places bad;
  size_t events = 0;
};

Counts decode_lines(const std::string& content) {
  Harness harness({"domain", "operation", "error_code", "level", "actor_id", "trace_id", "metric", "region", "version"});
  Counts counts;
  uint64_t line = 0;
  for (size_t begin = 0; begin < content.size(); ++line) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const EventBatch& batch = harness.decode(std::string_view(content).substr(begin, end - begin));
    counts.events += batch.events().size();
    for (const DeadLetter& letter : batch.dead_letters()) counts.bad.emplace(line, letter.index);
    begin = end + 1;
  }
  return counts;
}

TEST(Conformance, TheBadEventsAreThoseOfTheReference) {
  const char* const shared = std::getenv("TOCSIN_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "TOCSIN_SHARED is not set: no conformance scenarios to hold the decoder against";
  size_t files = 0;
  size_t bad = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(fs::path(shared) / "conformance")) {
    if (entry.path().filename() != "meta.json") continue;
    const nlohmann::json meta = nlohmann::json::parse(std::ifstream(entry.path()));
    for (size_t partition = 0; partition < meta["partitions"].size(); ++partition) {
      fs::path path = entry.path().parent_path() / ("events-" + std::to_string(partition) + ".jsonl");
      if (!fs::exists(path)) path += ".gz";
      ASSERT_TRUE(fs::exists(path)) << path;
      const nlohmann::json& expected = meta["partitions"][partition];
      Places places;
      for (const nlohmann::json& reason : expected["reasons"]) places.emplace(reason[0], reason[1]);
      const Counts counts = decode_lines(content_of(path));
      EXPECT_EQ(counts.bad, places) << path;
      EXPECT_EQ(counts.bad.size(), expected["bad"].get<size_t>()) << path;
      ++files;
      bad += counts.bad.size();
    }
  }
  EXPECT_GT(files, 0U);
  RecordProperty("files", static_cast<int>(files));
  RecordProperty("bad", static_cast<int>(bad));
}

}  // namespace
}  // namespace tocsin
