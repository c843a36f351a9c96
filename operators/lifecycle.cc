#include "operators/lifecycle.h"

#include <algorithm>

namespace tocsin {
namespace {

EventTime fires_at(const Instance& instance, const LifecycleTiming& timing) {
  const EventTime held = instance.active_at + timing.hold + instance.frozen;
  return instance.last_starts_at ? std::max(held, *instance.last_starts_at + timing.cooldown) : held;
}

void thaw(Instance& instance, EventTime tick) {
  if (!instance.frozen_at) return;
  instance.frozen = instance.frozen + (tick - *instance.frozen_at);
  instance.frozen_at.reset();
}

void end_episode(Instance& instance) {
  instance.phase = Phase::kInactive;
  instance.end_since.reset();
  instance.frozen = {};
  instance.frozen_at.reset();
  instance.arrival.reset();
}

Transition step_pending(Instance& instance, const LifecycleTiming& timing, EventTime tick) {
  if (tick < fires_at(instance, timing)) return Transition::kNone;
  instance.phase = Phase::kFiring;
  instance.starts_at = tick;
  instance.last_starts_at = tick;
  instance.end_since.reset();
  instance.frozen = {};
  return Transition::kFiring;
}

Transition step_firing(Instance& instance, const LifecycleTiming& timing, EventTime tick, bool ends) {
  if (!ends) {
    instance.end_since.reset();
    instance.frozen = {};
    return Transition::kNone;
  }
  if (!instance.end_since) {
    instance.end_since = tick;
    instance.frozen = {};
  }
  if (tick < *instance.end_since + timing.keep_firing_for + instance.frozen) return Transition::kNone;
  end_episode(instance);
  return Transition::kResolved;
}

}  // namespace

Transition step(Instance& instance, const LifecycleTiming& timing, EventTime tick, Verdict verdict, bool ends) {
  if (verdict == Verdict::kFrozen) {
    if (instance.phase != Phase::kInactive && !instance.frozen_at) instance.frozen_at = tick;
    return Transition::kNone;
  }
  thaw(instance, tick);
  if (instance.phase == Phase::kFiring) return step_firing(instance, timing, tick, verdict == Verdict::kFalse && ends);
  if (verdict == Verdict::kFalse) {
    end_episode(instance);
    return Transition::kNone;
  }
  if (instance.phase == Phase::kInactive) {
    instance.phase = Phase::kPending;
    instance.active_at = tick;
    instance.frozen = {};
  }
  return step_pending(instance, timing, tick);
}

Transition expire(Instance& instance) {
  const bool was_firing = instance.phase == Phase::kFiring;
  end_episode(instance);
  return was_firing ? Transition::kResolved : Transition::kNone;
}

EventTime next_change(const Instance& instance, const LifecycleTiming& timing) {
  if (instance.frozen_at) return EventTime::max();
  if (instance.phase == Phase::kPending) return fires_at(instance, timing);
  if (instance.phase == Phase::kFiring && instance.end_since) return *instance.end_since + timing.keep_firing_for + instance.frozen;
  return EventTime::max();
}

}  // namespace tocsin
