// The life of an alert instance (SPEC 4), tick by tick.

#include "operators/lifecycle.h"

#include <gtest/gtest.h>

#include <random>

namespace tocsin {
namespace {

// One instance with a tick every second.
struct Life {
  LifecycleTiming timing;
  Instance instance;

  Transition at(int64_t seconds, Verdict verdict, bool ends = true) {
    return step(instance, timing, EventTime{seconds * 1000}, verdict, ends);
  }
  Transition yes(int64_t seconds) { return at(seconds, Verdict::kTrue); }
  Transition no(int64_t seconds, bool ends = true) { return at(seconds, Verdict::kFalse, ends); }
  Transition frozen(int64_t seconds) { return at(seconds, Verdict::kFrozen); }
};

Life life(int64_t hold_s, int64_t keep_s = 0, int64_t cooldown_s = 0) {
  return {{{hold_s * 1000}, {keep_s * 1000}, {cooldown_s * 1000}}, {}};
}

TEST(Lifecycle, WithoutForItFiresAtTheFirstTrueTick) {
  Life l = life(0);
  EXPECT_EQ(l.no(1), Transition::kNone);
  EXPECT_EQ(l.yes(2), Transition::kFiring);
  EXPECT_EQ(l.instance.active_at, EventTime{2000});
  EXPECT_EQ(l.instance.starts_at, EventTime{2000});
  EXPECT_EQ(l.yes(3), Transition::kNone);
  EXPECT_EQ(l.no(4), Transition::kResolved);
  EXPECT_EQ(l.instance.phase, Phase::kInactive);
}

TEST(Lifecycle, ForIsCountedFromActiveAtAndMetExactly) {
  Life l = life(3);
  EXPECT_EQ(l.yes(10), Transition::kNone);
  EXPECT_EQ(l.yes(12), Transition::kNone);
  EXPECT_EQ(l.yes(13), Transition::kFiring);
  EXPECT_EQ(l.instance.active_at, EventTime{10'000});
  EXPECT_EQ(l.instance.starts_at, EventTime{13'000});
}

TEST(Lifecycle, AFalseTickEndsPendingAndForBeginsAnew) {
  Life l = life(3);
  EXPECT_EQ(l.yes(10), Transition::kNone);
  EXPECT_EQ(l.no(12), Transition::kNone);
  EXPECT_EQ(l.instance.phase, Phase::kInactive);
  EXPECT_EQ(l.yes(13), Transition::kNone);
  EXPECT_EQ(l.yes(15), Transition::kNone);
  EXPECT_EQ(l.yes(16), Transition::kFiring);
}

TEST(Lifecycle, CooldownHoldsBackTheNextEpisodeAndKeepsItsActiveAt) {
  Life l = life(0, 0, 10);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  EXPECT_EQ(l.no(2), Transition::kResolved);
  EXPECT_EQ(l.yes(5), Transition::kNone);
  EXPECT_EQ(l.instance.phase, Phase::kPending);
  EXPECT_EQ(l.yes(10), Transition::kNone);
  EXPECT_EQ(l.yes(11), Transition::kFiring);
  EXPECT_EQ(l.instance.active_at, EventTime{5000});
  EXPECT_EQ(l.instance.starts_at, EventTime{11'000});
}

TEST(Lifecycle, CooldownCountsFromTheLastStartNotFromAnEpisodeThatNeverFired) {
  Life l = life(0, 0, 10);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  EXPECT_EQ(l.no(2), Transition::kResolved);
  EXPECT_EQ(l.yes(5), Transition::kNone);
  EXPECT_EQ(l.no(6), Transition::kNone);
  EXPECT_EQ(l.yes(11), Transition::kFiring);
}

TEST(Lifecycle, KeepFiringForNeedsTheEndConditionAtEveryTick) {
  Life l = life(0, 3);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  EXPECT_EQ(l.no(2), Transition::kNone);
  EXPECT_EQ(l.no(4), Transition::kNone);
  EXPECT_EQ(l.yes(5), Transition::kNone);
  EXPECT_EQ(l.no(6), Transition::kNone);
  EXPECT_EQ(l.no(8), Transition::kNone);
  EXPECT_EQ(l.no(9), Transition::kResolved);
}

TEST(Lifecycle, AFalseVerdictDoesNotEndItWhileResolveIsFalse) {
  Life l = life(0);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  EXPECT_EQ(l.no(2, false), Transition::kNone);
  EXPECT_EQ(l.instance.phase, Phase::kFiring);
  EXPECT_EQ(l.no(3, true), Transition::kResolved);
}

TEST(Lifecycle, ResolveDoesNotEndItWhileTheVerdictIsTrue) {
  Life l = life(0);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  EXPECT_EQ(l.at(2, Verdict::kTrue, true), Transition::kNone);
  EXPECT_EQ(l.instance.phase, Phase::kFiring);
}

TEST(Lifecycle, AFalseResolveStartsKeepFiringForAnew) {
  Life l = life(0, 2);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  EXPECT_EQ(l.no(2), Transition::kNone);
  EXPECT_EQ(l.no(3, false), Transition::kNone);
  EXPECT_EQ(l.no(4), Transition::kNone);
  EXPECT_EQ(l.no(5), Transition::kNone);
  EXPECT_EQ(l.no(6), Transition::kResolved);
}

TEST(Lifecycle, FrozenTicksDoNotCountIntoFor) {
  Life l = life(3);
  EXPECT_EQ(l.yes(10), Transition::kNone);
  EXPECT_EQ(l.frozen(11), Transition::kNone);
  EXPECT_EQ(l.frozen(12), Transition::kNone);
  EXPECT_EQ(l.yes(13), Transition::kNone);
  EXPECT_EQ(l.yes(14), Transition::kNone);
  EXPECT_EQ(l.yes(15), Transition::kFiring);
  EXPECT_EQ(l.instance.active_at, EventTime{10'000});
}

TEST(Lifecycle, FrozenTicksDoNotCountIntoKeepFiringFor) {
  Life l = life(0, 3);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  EXPECT_EQ(l.no(2), Transition::kNone);
  for (int64_t t = 3; t <= 6; ++t) EXPECT_EQ(l.frozen(t), Transition::kNone);
  EXPECT_EQ(l.no(7), Transition::kNone);
  EXPECT_EQ(l.no(8), Transition::kNone);
  EXPECT_EQ(l.no(9), Transition::kResolved);
}

TEST(Lifecycle, FrozenTicksBeforeTheEndConditionDoNotProlongKeepFiringFor) {
  Life l = life(0, 2);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  EXPECT_EQ(l.frozen(2), Transition::kNone);
  EXPECT_EQ(l.no(5), Transition::kNone);
  EXPECT_EQ(l.no(7), Transition::kResolved);
}

TEST(Lifecycle, AFrozenTickBeginsNothing) {
  Life l = life(0);
  EXPECT_EQ(l.frozen(1), Transition::kNone);
  EXPECT_EQ(l.instance, Instance());
}

TEST(Lifecycle, AFrozenInstanceKeepsItsState) {
  Life l = life(0);
  EXPECT_EQ(l.yes(1), Transition::kFiring);
  for (int64_t t = 2; t < 100; ++t) EXPECT_EQ(l.frozen(t), Transition::kNone);
  EXPECT_EQ(l.instance.phase, Phase::kFiring);
  EXPECT_EQ(next_change(l.instance, l.timing), EventTime::max());
}

TEST(Lifecycle, AForgottenGroupResolvesOnlyWhatFires) {
  Life pending = life(5);
  EXPECT_EQ(pending.yes(1), Transition::kNone);
  EXPECT_EQ(expire(pending.instance), Transition::kNone);
  EXPECT_EQ(pending.instance.phase, Phase::kInactive);
  Life firing = life(0);
  EXPECT_EQ(firing.yes(1), Transition::kFiring);
  EXPECT_EQ(expire(firing.instance), Transition::kResolved);
  EXPECT_EQ(expire(firing.instance), Transition::kNone);
}

TEST(Lifecycle, NextChangeIsWhenForAndCooldownAreOver) {
  Life l = life(3, 0, 20);
  EXPECT_EQ(next_change(l.instance, l.timing), EventTime::max());
  (void)l.yes(1);
  EXPECT_EQ(next_change(l.instance, l.timing), EventTime{4000});
  EXPECT_EQ(l.yes(4), Transition::kFiring);
  EXPECT_EQ(next_change(l.instance, l.timing), EventTime::max());
  EXPECT_EQ(l.no(5), Transition::kResolved);
  (void)l.yes(6);
  EXPECT_EQ(next_change(l.instance, l.timing), EventTime{24'000});
}

// Ticks between changes of the verdict may be left out if those of next_change() are not (the evaluator does so).
TEST(Lifecycle, LeavingOutTicksAtWhichNothingChangesGivesTheSameTransitions) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    Life dense = life(static_cast<int64_t>(random() % 4), static_cast<int64_t>(random() % 4), static_cast<int64_t>(random() % 12));
    Life sparse{dense.timing, {}};
    Verdict verdict = Verdict::kFalse;
    bool ends = true;
    for (int64_t t = 1; t <= 60; ++t) {
      const bool changes = random() % 4 == 0;
      if (changes) verdict = static_cast<Verdict>(random() % 3);
      if (changes) ends = random() % 3 != 0;
      const bool due = next_change(sparse.instance, sparse.timing) <= EventTime{t * 1000};
      const Transition expected = dense.at(t, verdict, ends);
      const Transition actual = changes || due ? sparse.at(t, verdict, ends) : Transition::kNone;
      ASSERT_EQ(actual, expected) << "round " << round << " tick " << t;
      ASSERT_EQ(sparse.instance.phase, dense.instance.phase) << "round " << round << " tick " << t;
    }
  }
}

}  // namespace
}  // namespace tocsin
