#include "state/memory_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/unit/state/testing.h"

namespace tocsin::state {
namespace {

TEST(MemoryStore, AnIteratorSeesTheStoreAsItStoodWhateverIsWrittenAtEachStep) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 300; ++round) {
    MemoryStore store;
    const auto key = [&] { return std::string(1, static_cast<char>('a' + random() % 26)); };
    const auto change = [&] {
      WriteBatch batch;
      for (uint64_t i = random() % 4; i > 0; --i) {
        const auto kind = random() % 5;
        if (kind < 3) batch.put(key(), std::to_string(random()));
        if (kind == 3) batch.remove(key());
        if (kind == 4) batch.remove_range(key(), key());
      }
      ASSERT_TRUE(store.write(batch).ok());
    };
    for (int i = 0; i < 8; ++i) change();
    const std::string from = key();
    const std::string to = random() % 2 == 0 ? "" : key();
    const Content before = read_all(store, from, to);
    Content seen;
    for (auto walk = store.scan(from, to); walk->valid(); walk->next()) {
      change();
      seen.emplace(walk->key(), walk->value());
      change();
    }
    ASSERT_EQ(seen, before);
  }
}

TEST(MemoryStore, ReadersOnOtherThreadsSeeBatchesWhole) {
  MemoryStore store;
  std::atomic<bool> done = false;
  std::atomic<int> walks = 0;
  const auto reader = [&] {
    while (!done) {
      const Content content = read_all(store);
      for (const auto& [key, value] : content) ASSERT_EQ(value, content.begin()->second);
      ASSERT_TRUE(content.empty() || content.size() == 20);
      ++walks;
    }
  };
  std::thread first(reader);
  std::thread second(reader);
  for (int i = 0; i < 500 || walks < 5000; ++i) {
    WriteBatch batch;
    if (i % 10 == 9) batch.remove_range("k", "l");
    for (int k = 0; i % 10 != 9 && k < 20; ++k) batch.put("k" + std::to_string(k), std::to_string(i));
    ASSERT_TRUE(store.write(batch).ok());
  }
  done = true;
  first.join();
  second.join();
}

}  // namespace
}  // namespace tocsin::state
