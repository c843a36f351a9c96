// Overlay against a naive oracle: plain maps, one for the base and a copy of the whole content for each generation.

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "state/memory_store.h"
#include "state/overlay.h"
#include "tests/unit/state/testing.h"

namespace tocsin::state {
namespace {

class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed) {}

  void step() {
    switch (random_() % 16) {
      case 0: return seal();
      case 1: return commit();
      case 2: return random_() % 8 == 0 ? discard() : release();
      case 3: return remove_range();
      case 4:
      case 5:
      case 6: return remove();
      case 7:
      case 8: return check_range();
      case 9: return check_walk_under_writes();
      default: return put();
    }
  }

  void check_all() {
    ASSERT_EQ(read_all(overlay_), newest_);
    ASSERT_EQ(read_all(base_), committed_);
    for (int i = 0; i < 40; ++i) check_get(name(i));
  }

 private:
  // Keys of which many are prefixes of others.
  static std::string name(int i) {
    return "k" + std::string(1, static_cast<char>('0' + i / 7)) + std::string(static_cast<size_t>(i % 7), 'x');
  }
  std::string key() { return name(static_cast<int>(random_() % 40)); }

  void put() {
    const std::string at = key();
    overlay_.put(at, std::to_string(++count_));
    newest_[at] = std::to_string(count_);
  }

  void remove() {
    const std::string at = key();
    overlay_.remove(at);
    newest_.erase(at);
  }

  void remove_range() {
    const std::string from = key();
    const std::string to = random_() % 10 == 0 ? "" : key();
    ASSERT_TRUE(overlay_.remove_range(from, to).ok());
    if (to.empty()) newest_.erase(newest_.lower_bound(from), newest_.end());
    if (from < to) newest_.erase(newest_.lower_bound(from), newest_.lower_bound(to));
  }

  void seal() {
    if (sealed_.size() >= 4) return;
    sealed_.push_back({overlay_.seal(), newest_});
  }

  // The next batch reaches the base: from now on both have it, until it is released.
  void commit() {
    if (in_base_ == sealed_.size()) return;
    ASSERT_TRUE(base_.write(*sealed_[in_base_].batch).ok());
    committed_ = sealed_[in_base_].content;
    ++in_base_;
  }

  void release() {
    if (in_base_ == 0) return;
    overlay_.release_oldest();
    sealed_.pop_front();
    --in_base_;
  }

  void discard() {
    overlay_.discard_all();
    sealed_.clear();
    in_base_ = 0;
    newest_ = committed_;
  }

  void check_range() {
    const std::string from = random_() % 10 == 0 ? "" : key();
    const std::string to = random_() % 10 == 0 ? "" : key();
    Content expected;
    for (const auto& [at, value] : newest_) {
      if (at >= from && (to.empty() || at < to)) expected.emplace(at, value);
    }
    ASSERT_EQ(read_all(overlay_, from, to), expected);
    check_get(key());
  }

  void check_walk_under_writes() {
    const Content before = newest_;
    Content seen;
    const auto walk = overlay_.scan("", "");
    for (; walk->valid(); walk->next()) {
      seen.emplace(walk->key(), walk->value());
      if (random_() % 2 == 0) put();
      if (random_() % 3 == 0) remove();
      if (random_() % 6 == 0) commit();
      if (random_() % 6 == 0) release();
      if (random_() % 20 == 0) remove_range();
    }
    ASSERT_EQ(seen, before);
  }

  void check_get(const std::string& at) {
    const auto got = overlay_.get(at);
    ASSERT_TRUE(got.ok());
    const auto expected = newest_.find(at);
    ASSERT_EQ(got->has_value(), expected != newest_.end()) << at;
    if (got->has_value()) {
      ASSERT_EQ(**got, expected->second);
    }
  }

  struct Generation {
    std::shared_ptr<const WriteBatch> batch;
    Content content;  // of everything, as of its seal
  };

  std::mt19937_64 random_;
  MemoryStore base_;
  Overlay overlay_{base_};
  Content committed_;
  Content newest_;
  std::deque<Generation> sealed_;
  size_t in_base_ = 0;  // how many of the oldest sealed ones
  int count_ = 0;
};

TEST(OverlayModel, ReadsAgreeWithPlainMapsUnderRandomWritesCommitsAndDiscards) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int i = 0; i < 300; ++i) {
      model.step();
      if (i % 20 == 0) model.check_all();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace tocsin::state
