#pragma once

// What the last sketches of windows were put together from, for those who ask for a window again and again.
//
// An incident passes one threshold after the other, so alerts ask for the sketch of one group at one tick after the other. Of that window
// the panes of a minute stay the same for up to a minute, those of five seconds for up to five ticks, and of those between two ticks one is
// new at each; to put all together again, tick by tick, would cost more than all else about an alert.
//
//   window   |..|......|..............|......|..|
//   singles  |..|                           |..|     kept one by one: between two ticks, and where the level stores no sketches
//   tier 1      |<--------------------------->|      merged: tier 2 and the panes of level 1
//   tier 2             |<------------>|              merged: panes of level 2
//
// Thread:     worker-confined.
// Invariants: what is kept is what would be read anew: whoever writes a pane calls forget().
// Failure:    none; what is not kept is read again.

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "operators/sketch/window_sketch.h"

namespace tocsin {

class SketchCache {
 public:
  // That many of some 150 KB each: more groups of one partition than that seldom alert at a time.
  static constexpr size_t kEntries = 32;

  struct Key {
    int view;
    int window;
    uint64_t group;
    bool operator==(const Key&) const = default;
  };
  // All panes of a level and of those above it that the window has: they lie in [from, to). Both are min() before they are known.
  struct Tier {
    EventTime from = EventTime::min();
    EventTime to = EventTime::min();
    WindowSketch sketch;
  };
  // Panes by level and start: of the same start a window has now a narrow one and later a wider one.
  using Singles = std::map<std::pair<size_t, EventTime>, WindowSketch>;
  struct Entry {
    Key key;
    std::vector<Tier> tiers;  // by level of panes
    Singles singles;
  };

  // What is kept for that window and group, or an empty entry in the place of the one that nobody has asked for the longest. Good for until
  // the next call.
  Entry& of(const Key& key, size_t levels);
  // A pane of the view that begins at `start` has changed.
  void forget(int view, EventTime start);

  size_t memory_bytes() const;

 private:
  std::list<Entry> entries_;  // the last one asked for comes first
};

}  // namespace tocsin
