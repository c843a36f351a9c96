#include "state/overlay.h"

#include <gtest/gtest.h>

#include "state/memory_store.h"
#include "tests/unit/state/testing.h"

namespace tocsin::state {
namespace {

// A base whose walks fail after `good` keys.
class FailingStore : public MemoryStore {
 public:
  int good = 0;

  std::unique_ptr<Iterator> scan(std::string_view from, std::string_view to) const override {
    class FailingWalk : public Iterator {
     public:
      FailingWalk(std::unique_ptr<Iterator> walk, int steps) : walk_(std::move(walk)), left_(steps) {}
      bool valid() const override { return left_ > 0 && walk_->valid(); }
      void next() override {
        --left_;
        walk_->next();
      }
      std::string_view key() const override { return walk_->key(); }
      std::string_view value() const override { return walk_->value(); }
      Status status() const override { return left_ > 0 ? Status() : data_loss("bad block"); }

     private:
      std::unique_ptr<Iterator> walk_;
      int left_;
    };
    return std::make_unique<FailingWalk>(MemoryStore::scan(from, to), good);
  }
};

class OverlayTest : public testing::Test {
 protected:
  OverlayTest() {
    WriteBatch batch;
    for (const char* key : {"a", "b", "c", "d"}) batch.put(key, "base");
    EXPECT_TRUE(base_.write(batch).ok());
  }

  FailingStore base_;
  Overlay overlay_{base_};
};

TEST_F(OverlayTest, WritesAreReadableInEveryGenerationAndTheBaseStaysAsItWas) {
  base_.good = 100;
  overlay_.put("b", "1");
  overlay_.seal();
  overlay_.remove("c");
  overlay_.seal();
  overlay_.put("e", "3");
  EXPECT_EQ(read_all(overlay_), (Content{{"a", "base"}, {"b", "1"}, {"d", "base"}, {"e", "3"}}));
  EXPECT_EQ(read_all(base_), (Content{{"a", "base"}, {"b", "base"}, {"c", "base"}, {"d", "base"}}));
  EXPECT_EQ(overlay_.sealed_generations(), 2u);
}

TEST_F(OverlayTest, ABatchHasEachKeyOnceInOrder) {
  base_.good = 100;
  overlay_.put("z", "1");
  overlay_.put("a", "1");
  overlay_.put("z", "2");
  overlay_.remove("a");
  ASSERT_TRUE(overlay_.remove_range("b", "d").ok());
  overlay_.put("c", "new");
  const auto batch = overlay_.seal();
  ASSERT_EQ(batch->operations.size(), 4u);
  const auto is = [&](size_t i, WriteBatch::Kind kind, const char* key, const char* value) {
    return batch->operations[i].kind == kind && batch->operations[i].key == key && batch->operations[i].value == value;
  };
  EXPECT_TRUE(is(0, WriteBatch::Kind::kDelete, "a", ""));
  EXPECT_TRUE(is(1, WriteBatch::Kind::kDelete, "b", ""));
  EXPECT_TRUE(is(2, WriteBatch::Kind::kPut, "c", "new"));
  EXPECT_TRUE(is(3, WriteBatch::Kind::kPut, "z", "2"));
}

TEST_F(OverlayTest, ASealedBatchOutlivesItsGeneration) {
  overlay_.put("a", "1");
  const auto batch = overlay_.seal();
  overlay_.discard_all();
  EXPECT_EQ(batch->operations.at(0).value, "1");
}

TEST_F(OverlayTest, AnEmptyGenerationIsSealedLikeAnyOther) {
  EXPECT_TRUE(overlay_.seal()->empty());
  EXPECT_EQ(overlay_.sealed_generations(), 1u);
  overlay_.release_oldest();
  EXPECT_EQ(overlay_.sealed_generations(), 0u);
}

TEST_F(OverlayTest, WhatIsRemovedDuringAScanIsStillSeenByIt) {
  base_.good = 100;
  overlay_.put("b", "mine");
  Content seen;
  {
    const auto walk = overlay_.scan("", "");
    for (; walk->valid(); walk->next()) {
      overlay_.remove("d");
      overlay_.put("b2", "late");
      overlay_.put("b", "later");
      seen.emplace(walk->key(), walk->value());
    }
  }
  EXPECT_EQ(seen, (Content{{"a", "base"}, {"b", "mine"}, {"c", "base"}, {"d", "base"}}));
  EXPECT_EQ(read_all(overlay_), (Content{{"a", "base"}, {"b", "later"}, {"b2", "late"}, {"c", "base"}}));
}

TEST_F(OverlayTest, AWalkStaysWholeWhenItsGenerationIsReleased) {
  base_.good = 100;
  overlay_.put("b", "1");
  const auto batch = overlay_.seal();
  const auto walk = overlay_.scan("b", "c");
  ASSERT_TRUE(base_.write(*batch).ok());
  overlay_.release_oldest();
  ASSERT_TRUE(walk->valid());
  EXPECT_EQ(walk->value(), "1");
  walk->next();
  EXPECT_FALSE(walk->valid());
}

TEST_F(OverlayTest, AFailingBaseEndsTheWalkWithItsError) {
  base_.good = 1;
  overlay_.put("z", "1");
  const auto walk = overlay_.scan("", "");
  ASSERT_TRUE(walk->valid());
  EXPECT_EQ(walk->key(), "a");
  walk->next();
  EXPECT_FALSE(walk->valid());
  EXPECT_EQ(walk->status().code(), StatusCode::kDataLoss);
}

TEST_F(OverlayTest, ARangeRemovalThatFailsRemovesNothing) {
  base_.good = 2;
  EXPECT_EQ(overlay_.remove_range("", "").code(), StatusCode::kDataLoss);
  EXPECT_TRUE(overlay_.open_empty());
}

TEST_F(OverlayTest, BytesAreThoseOfAllGenerationsAndGoWithThem) {
  overlay_.put("a", std::string(1000, 'x'));
  overlay_.seal();
  overlay_.put("b", std::string(3000, 'x'));
  EXPECT_GE(overlay_.open_bytes(), 3001u);
  EXPECT_LT(overlay_.open_bytes(), 3500u);
  EXPECT_GE(overlay_.bytes(), 4002u);
  overlay_.release_oldest();
  EXPECT_EQ(overlay_.bytes(), overlay_.open_bytes());
  overlay_.discard_all();
  EXPECT_EQ(overlay_.bytes(), 0u);
}

TEST_F(OverlayTest, SealingUnderAWalkIsRefused) {
  base_.good = 100;
  const auto walk = overlay_.scan("", "");
  EXPECT_DEATH(overlay_.seal(), "iterator");
}

}  // namespace
}  // namespace tocsin::state
