#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <random>
#include <sstream>

#include "state/memory_store.h"
#include "state/rocksdb/rocksdb_store.h"
#include "tests/unit/state/child_process.h"
#include "tests/unit/state/crash_workload.h"
#include "tests/unit/state/testing.h"

namespace tocsin::state {
namespace {

using Positions = std::array<uint64_t, kCrashWriters>;

// What a line of the writing process says: the positions that are safe.
Positions parse(const std::string& line) {
  std::string word;
  Positions flushed{};
  std::istringstream(line) >> word >> flushed[0] >> flushed[1];
  EXPECT_EQ(word, "flushed") << line;
  return flushed;
}

// Lets a process write until each writer is well beyond `from`, and a random while longer, and kills it. Gives the positions that
// its last finished flush() covers.
Positions write_and_kill(const std::string& directory, const Positions& from, std::chrono::microseconds longer) {
  ChildProcess child("write", directory);
  EXPECT_EQ(child.read_line(), "ready");
  std::string line = child.read_line();
  Positions flushed{};
  while (!line.empty()) {
    flushed = parse(line);
    if (flushed[0] > from[0] + 20 && flushed[1] > from[1] + 20) break;
    line = child.read_line();
  }
  ::usleep(static_cast<useconds_t>(longer.count()));
  EXPECT_TRUE(child.kill());
  for (line = child.read_line(); !line.empty(); line = child.read_line()) flushed = parse(line);
  return flushed;
}

TEST(RocksDbCrash, AfterAKillTheStoreHoldsExactlyTheBatchesUpToItsPosition) {
  const TemporaryDirectory directory;
  std::mt19937_64 random(std::random_device{}());
  MemoryStore model;
  Positions modelled{};
  for (int round = 0; round < 10; ++round) {
    const Positions flushed = write_and_kill(directory.path(), modelled, std::chrono::microseconds(random() % 300'000));
    auto store = RocksDbStore::open({.path = directory.path(), .memory_bytes = RocksDbOptions::kMemoryBytesMin});
    ASSERT_TRUE(store.ok()) << store.status().message();
    for (uint32_t writer = 0; writer < kCrashWriters; ++writer) {
      const uint64_t position = crash_position(**store, writer);
      ASSERT_GE(position, flushed[writer]) << "a flushed batch is lost";
      while (modelled[writer] < position) ASSERT_TRUE(model.write(crash_batch(writer, ++modelled[writer])).ok());
    }
    ASSERT_TRUE(read_all(**store) == read_all(model)) << "round " << round;
  }
}

TEST(RocksDbCrash, AKilledProcessLeavesNoLockBehind) {
  const TemporaryDirectory directory;
  ChildProcess child("hold", directory.path());
  ASSERT_EQ(child.read_line(), "ready");
  ASSERT_TRUE(child.kill());
  EXPECT_TRUE(RocksDbStore::open({.path = directory.path()}).ok());
}

TEST(RocksDbCrash, ADirectoryInUseIsRefusedWithThePidOfItsHolder) {
  const TemporaryDirectory directory;
  ChildProcess child("hold", directory.path());
  ASSERT_EQ(child.read_line(), "ready");
  const auto store = RocksDbStore::open({.path = directory.path()});
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.status().code(), StatusCode::kUnavailable);
  const std::string expected =
      fmt::format("state directory {} is in use by another process (pid {})", directory.path().string(), child.pid());
  EXPECT_TRUE(store.status().message().starts_with(expected)) << store.status().message();
}

}  // namespace
}  // namespace tocsin::state
