#include "operators/pane_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operators/damage.h"
#include "operators/rows_codec.h"
#include "operators/sketch_block.h"

namespace tocsin {
namespace {

// A block's changelog record has to fit a message; it takes no further row beyond a bound. Counters are read for all groups at once,
// sketches one by one.
constexpr int kRowsPerBlock = 512;
constexpr size_t kCounterBlockBytes = 64 << 10;
constexpr size_t kSketchBlockBytes = 16 << 10;
// A rolled-up sketch that would be longer than that as lists of values becomes one t-digest, which is never longer than half of it by much.
constexpr size_t kSketchBytesMax = 8 << 10;
// What a roll-up puts together before it makes a t-digest of it: one of all values costs less, and is finer, than several that are merged.
constexpr size_t kRollUpValuesMax = 16 << 10;
// Of a window's wide panes, beside those of its narrow ones: sorting them with those at each tick costs less than what a digest would lose.
constexpr size_t kValuesBesideDigest = 1'024;

RowsShape shape_of(const View& view, keys::PanePart part) {
  const bool counters = part == keys::PanePart::kCounters;
  return {false, counters, !counters, counters ? view.predicates.size() : 0};
}

}  // namespace

PaneStore::PaneStore(const Plan& plan, state::Overlay& overlay, uint32_t partition)
    : plan_(plan), overlay_(overlay), partition_(partition) {
  for (const View& view : plan.views) indices_.emplace_back(view.levels.size());
}

Status PaneStore::load(EventTime evaluated) {
  for (int v = 0; v < static_cast<int>(plan_.views.size()); ++v) {
    for (size_t level = 0; level < view(v).levels.size(); ++level) {
      const Duration width = view(v).levels[level].width;
      const std::string end = state::prefix_end(keys::panes(partition_, view(v).id, keys::PanePart::kCounters, width));
      std::string from = keys::panes(partition_, view(v).id, keys::PanePart::kCounters, width);
      while (true) {
        // One seek a pane: its blocks need not be walked.
        const std::unique_ptr<state::Iterator> it = overlay_.scan(from, end);
        TOCSIN_RETURN_IF_ERROR(it->status());
        if (!it->valid()) break;
        state::KeyReader key(it->key());
        key.u32(), key.u8(), key.u64(), key.u8(), key.i64();
        const EventTime start{key.i64()};
        if (!key.ok()) return damaged_state(partition_, "the key of a pane that cannot be read");
        index(v, level).insert(start);
        if (start + width <= evaluated) schedule_roll_up(v, level, start, evaluated);
        from = keys::panes(partition_, view(v).id, keys::PanePart::kCounters, width, EventTime{start.ms + 1});
      }
    }
  }
  return {};
}

void PaneStore::schedule_roll_up(int v, size_t level, EventTime start, EventTime now) {
  if (level + 1 >= view(v).levels.size()) return;
  const Duration width = view(v).levels[level + 1].width;
  const EventTime parent = floor_to(start, width);
  if (parent + width > now) roll_ups_.emplace(parent + width, level + 1, v, parent);
}

void PaneStore::add(int v, EventTime effect, const std::map<EventTime, PaneRows>& panes) {
  for (const auto& [start, rows] : panes) write(v, 0, start, effect, rows);
  for (size_t level = 1; level < view(v).levels.size(); ++level) {
    const Duration width = view(v).levels[level].width;
    const Duration retention = view(v).levels[level].retention;
    // A block's key is its pane and effect: what falls into one pane of this level has to be one set of rows.
    std::map<EventTime, std::map<uint64_t, Partial>> merged;
    for (const auto& [start, rows] : panes) {
      const EventTime pane = floor_to(start, width);
      // A pane that ends now or later gets them by the roll-up; one that no window can read any more needs nothing.
      if (pane + width >= effect || pane + width <= effect - retention) continue;
      for (const auto& [group, partial] : rows) merged[pane][group].merge(partial);
    }
    for (auto& [pane, groups] : merged) write(v, level, pane, effect, {groups.begin(), groups.end()});
  }
}

void PaneStore::write(int v, size_t level, EventTime start, EventTime effect, const PaneRows& rows) {
  if (start + view(v).levels[level].width + view(v).levels[level].retention <= effect) return;
  write_blocks(v, level, start, effect, rows, keys::PanePart::kCounters);
  const bool late = effect > start + view(v).levels[level].width;
  const bool sketches = view(v).latency && (late || view(v).levels[level].stores_sketches);
  if (sketches) write_blocks(v, level, start, effect, rows, keys::PanePart::kSketches);
  index(v, level).insert(start);
  kept_.forget(v, start);
  // A parent that ends at this very tick is rolled up after the rows of the tick are in, hence `just before`.
  schedule_roll_up(v, level, start, effect - Duration{1});
}

void PaneStore::write_blocks(int v, size_t level, EventTime start, EventTime effect, const PaneRows& rows, keys::PanePart part) {
  const bool counters = part == keys::PanePart::kCounters;
  for (size_t from = 0; from < rows.size();) {
    block_.Clear();
    if (counters) {
      for (const uint64_t threshold : view(v).thresholds) block_.add_thresholds_us(threshold);
      for (const EventPredicate& predicate : view(v).predicates) block_.add_predicates(predicate.id());
    }
    RowsWriter writer(*block_.mutable_rows(), shape_of(view(v), part));
    const size_t bytes_max = counters ? kCounterBlockBytes : kSketchBlockBytes;
    size_t bytes = 0;  // an estimate
    for (; from < rows.size() && block_.rows().group_size() < kRowsPerBlock && bytes < bytes_max; ++from) {
      const auto& [group, partial] = rows[from];
      if (!counters && partial.total.latency_count == 0) continue;
      writer.add(group, start.ms, partial);
      bytes = counters ? 4 * static_cast<size_t>(block_.rows().above_size() + block_.rows().predicates_size())
                       : bytes + partial.sketch.parts.bytes().size();
    }
    if (block_.rows().group_size() == 0) continue;
    overlay_.put(keys::pane_block(partition_, view(v).id, part, view(v).levels[level].width, start, effect, block_.rows().group(0)),
                 block_.SerializeAsString());
  }
}

Status PaneStore::damaged_block(int v, EventTime start) const {
  return damaged_state(partition_,
                       fmt::format("a block of pane {} of view {} that cannot be read", format_rfc3339(start.ms), view(v).description));
}

Result<RowsReader> PaneStore::open_block(int v, keys::PanePart part, EventTime start, std::string_view bytes) {
  const std::vector<uint64_t> predicates = part == keys::PanePart::kCounters ? ids_of(view(v).predicates) : std::vector<uint64_t>();
  if (!block_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return damaged_block(v, start);
  }
  return RowsReader::open(block_.rows(), shape_of(view(v), part), view(v).thresholds,
                          {block_.thresholds_us().begin(), block_.thresholds_us().end()}, predicates,
                          {block_.predicates().begin(), block_.predicates().end()});
}

Status PaneStore::read_blocks(int v, size_t level, EventTime from, EventTime to, keys::PanePart part, const BlockVisitor& visit) {
  const Duration width = view(v).levels[level].width;
  const size_t prefix = keys::panes(partition_, view(v).id, part, width).size();
  const std::unique_ptr<state::Iterator> it =
      overlay_.scan(keys::panes(partition_, view(v).id, part, width, from), keys::panes(partition_, view(v).id, part, width, to));
  for (; it->valid(); it->next()) {
    state::KeyReader key(it->key().substr(prefix));
    const EventTime start{key.i64()};
    const EventTime effect{key.i64()};
    if (!key.ok()) return damaged_state(partition_, "the key of a pane that cannot be read");
    TOCSIN_RETURN_IF_ERROR(visit(start, effect, it->value()));
  }
  return it->status();
}

Status PaneStore::read_counters_of(int v, size_t level, EventTime from, EventTime to, const CountersVisitor& visit) {
  Partial partial;
  const auto read_block = [&](EventTime start, EventTime effect, std::string_view block) -> Status {
    Result<RowsReader> rows = open_block(v, keys::PanePart::kCounters, start, block);
    if (!rows.ok()) return damaged_block(v, start);
    while (rows->next()) {
      if (!rows->read(start.ms, partial).ok()) return damaged_block(v, start);
      visit(effect, rows->group(), partial);
    }
    return {};
  };
  return read_blocks(v, level, from, to, keys::PanePart::kCounters, read_block);
}

Status PaneStore::read_sketches(int v, size_t level, EventTime from, EventTime to, std::optional<Duration> in_time_for,
                                const BlockVisitor& visit) {
  const Duration width = view(v).levels[level].width;
  EventTime next = from;  // what begins before has been visited
  const auto read_below = [&](EventTime until) -> Status {
    return level == 0 || next >= until ? Status() : read_sketches(v, level - 1, next, until, width, visit);
  };
  const auto read_own = [&](EventTime start, EventTime effect, std::string_view block) -> Status {
    if (in_time_for && effect > floor_to(start, *in_time_for) + *in_time_for) return {};
    if (effect == start + width) {
      TOCSIN_RETURN_IF_ERROR(read_below(start));
      next = std::max(next, start + width);
    }
    return visit(start, effect, block);
  };
  TOCSIN_RETURN_IF_ERROR(read_blocks(v, level, from, to, keys::PanePart::kSketches, read_own));
  return read_below(to);
}

Status PaneStore::merge_sketch(int v, const Piece& piece, uint64_t group, WindowSketch& extremes, SketchMerger& sketches) {
  const EventTime end = piece.start + view(v).levels[piece.level].width;
  const auto merge = [&](EventTime start, EventTime, std::string_view block) {
    return merge_from_block(block, group, extremes, sketches).ok() ? Status() : damaged_block(v, start);
  };
  return read_sketches(v, piece.level, piece.start, end, std::nullopt, merge);
}

Status PaneStore::roll_up(EventTime now) {
  // Levels ascend within one end, so a pane is complete before it is rolled up itself.
  while (!roll_ups_.empty() && std::get<0>(*roll_ups_.begin()) <= now) {
    const auto [end, level, v, start] = *roll_ups_.begin();
    roll_ups_.erase(roll_ups_.begin());
    TOCSIN_RETURN_IF_ERROR(roll_up_pane(v, level, start, end));
  }
  return {};
}

Status PaneStore::roll_up_pane(int v, size_t level, EventTime start, EventTime end) {
  std::map<uint64_t, Partial> merged;
  TOCSIN_RETURN_IF_ERROR(roll_up_counters(v, level, start, end, merged));
  if (merged.empty()) return {};
  if (view(v).latency && view(v).levels[level].stores_sketches) TOCSIN_RETURN_IF_ERROR(roll_up_sketches(v, level, start, end, merged));
  PaneRows rows(std::make_move_iterator(merged.begin()), std::make_move_iterator(merged.end()));
  write(v, level, start, end, rows);
  return {};
}

Status PaneStore::roll_up_counters(int v, size_t level, EventTime start, EventTime end, std::map<uint64_t, Partial>& merged) {
  return read_counters_of(v, level - 1, start, end, [&merged](EventTime, uint64_t group, const Partial& partial) {
    Partial& into = merged[group];
    into.total.add(partial.total);
    into.last_event = std::max(into.last_event, partial.last_event);
    into.last_latency_event = std::max(into.last_latency_event, partial.last_latency_event);
  });
}

Status PaneStore::roll_up_sketches(int v, size_t level, EventTime start, EventTime end, std::map<uint64_t, Partial>& merged) {
  std::map<uint64_t, SketchMerger> sketches;
  const auto add = [&](EventTime child, EventTime, std::string_view block) -> Status {
    Result<RowsReader> rows = open_block(v, keys::PanePart::kSketches, child, block);
    if (!rows.ok()) return damaged_block(v, child);
    while (rows->next()) {
      const StoredSketch stored = rows->stored_sketch();
      SketchMerger& merger = sketches[rows->group()];
      if (!merger.add(stored.parts)) return damaged_block(v, child);
      merger.fold_beyond(kRollUpValuesMax);
      PartialSketch& sketch = merged[rows->group()].sketch;
      sketch.latency_min_us = std::min(sketch.latency_min_us, stored.latency_min_us);
      sketch.latency_max_us = std::max(sketch.latency_max_us, stored.latency_max_us);
    }
    return {};
  };
  TOCSIN_RETURN_IF_ERROR(read_sketches(v, level - 1, start, end, std::nullopt, add));
  for (auto& [group, merger] : sketches) merged[group].sketch.parts = merger.take_parts(kSketchBytesMax);
  return {};
}

std::vector<PaneStore::Piece> PaneStore::cover(int v, EventTime from, EventTime to, EventTime now) const {
  std::vector<Piece> pieces;
  const std::vector<Level>& levels = view(v).levels;
  EventTime at = std::max(from, first_pane(v, from, to, levels.back().width));
  while (at < to) {
    size_t level = levels.size() - 1;
    const auto fits = [&](size_t l) {
      const EventTime end = at + levels[l].width;
      return floor_to(at, levels[l].width) == at && end <= to && end <= now;
    };
    while (level > 0 && !fits(level)) --level;
    if (index(v, level).contains(at)) pieces.push_back({level, at});
    at = at + levels[level].width;
  }
  return pieces;
}

Status PaneStore::read_counters(int v, EventTime from, EventTime to, EventTime now, const CountersVisitor& visit) {
  for (const Piece& piece : cover(v, from, to, now)) {
    const EventTime end = piece.start + view(v).levels[piece.level].width;
    TOCSIN_RETURN_IF_ERROR(read_counters_of(v, piece.level, piece.start, end, visit));
  }
  return {};
}

Status PaneStore::read_sketch(int window, uint64_t group, EventTime tick, WindowSketch& sketch) {
  const Window& w = plan_.windows[static_cast<size_t>(window)];
  const std::vector<Level>& levels = view(w.view).levels;
  const std::vector<Piece> pieces = cover(w.view, w.tail(tick), w.head(tick), tick);
  SketchCache::Entry& kept = kept_.of({w.view, window, group}, levels.size());
  // Panes no wider than the time between two ticks.
  size_t fine = 1;
  while (fine < levels.size() && levels[fine].width <= w.interval) ++fine;

  SketchCache::Singles singles;
  for (const Piece& piece : pieces) {
    if (piece.level >= fine && levels[piece.level].stores_sketches) continue;
    WindowSketch& single = singles[{piece.level, piece.start}];
    if (auto known = kept.singles.extract({piece.level, piece.start}); !known.empty()) {
      single = std::move(known.mapped());
    } else {
      TOCSIN_RETURN_IF_ERROR(merge_pieces(w.view, group, {piece}, single));
    }
  }
  kept.singles = std::move(singles);

  const WindowSketch none;
  std::vector<const WindowSketch*> parts{&none};
  for (size_t level = levels.size(); level-- > fine;) {
    TOCSIN_RETURN_IF_ERROR(complete_tier(w.view, level, pieces, *parts.front(), kept));
    parts.front() = &kept.tiers[level].sketch;
  }
  for (const Piece& piece : pieces) {
    if (piece.level < fine) parts.push_back(&kept.singles.at({piece.level, piece.start}));
  }
  sketch = WindowSketch::merged(parts);
  return {};
}

Status PaneStore::complete_tier(int v, size_t level, const std::vector<Piece>& pieces, const WindowSketch& above,
                                SketchCache::Entry& kept) {
  EventTime from = EventTime::max();
  EventTime to = EventTime::max();
  std::vector<Piece> own;
  for (const Piece& piece : pieces) {
    if (piece.level < level) continue;
    from = std::min(from, piece.start);
    to = piece.start + view(v).levels[piece.level].width;
    if (piece.level == level) own.push_back(piece);
  }
  SketchCache::Tier& tier = kept.tiers[level];
  if (tier.from == from && tier.to == to) return {};
  tier = {};
  std::vector<const WindowSketch*> parts{&above};
  WindowSketch of_level;
  if (view(v).levels[level].stores_sketches) {
    TOCSIN_RETURN_IF_ERROR(merge_pieces(v, kept.key.group, own, of_level));
    parts.push_back(&of_level);
  } else {
    for (const Piece& piece : own) parts.push_back(&kept.singles.at({piece.level, piece.start}));
  }
  tier = {from, to, WindowSketch::merged(parts)};
  tier.sketch.fold_beyond(kValuesBesideDigest);
  return {};
}

Status PaneStore::merge_pieces(int v, uint64_t group, const std::vector<Piece>& pieces, WindowSketch& sketch) {
  WindowSketch extremes;
  SketchMerger merger;
  for (const Piece& piece : pieces) TOCSIN_RETURN_IF_ERROR(merge_sketch(v, piece, group, extremes, merger));
  std::vector<uint32_t> values = merger.take_values();
  sketch = WindowSketch::of(merger.take(), std::move(values));
  sketch.latency_min_us = extremes.latency_min_us;
  sketch.latency_max_us = extremes.latency_max_us;
  return {};
}

EventTime PaneStore::first_pane(int v, EventTime from, EventTime to, Duration width) const {
  EventTime first = EventTime::max();
  for (size_t level = 0; level < view(v).levels.size() && view(v).levels[level].width <= width; ++level) {
    const auto found = index(v, level).lower_bound(from);
    if (found != index(v, level).end() && *found < to) first = std::min(first, *found);
  }
  return first;
}

Status PaneStore::expire(EventTime now) {
  for (int v = 0; v < static_cast<int>(plan_.views.size()); ++v) {
    for (size_t level = 0; level < view(v).levels.size(); ++level) {
      const Duration width = view(v).levels[level].width;
      const Duration retention = view(v).levels[level].retention;
      Index& panes = index(v, level);
      while (!panes.empty() && *panes.begin() + width + retention <= now) {
        for (const keys::PanePart part : {keys::PanePart::kCounters, keys::PanePart::kSketches}) {
          const std::string from = keys::panes(partition_, view(v).id, part, width, *panes.begin());
          TOCSIN_RETURN_IF_ERROR(overlay_.remove_range(from, state::prefix_end(from)));
        }
        panes.erase(panes.begin());
      }
    }
  }
  return {};
}

size_t PaneStore::memory_bytes() const {
  constexpr size_t kNodeBytes = 64;
  size_t nodes = 2 * roll_ups_.size();
  for (const std::vector<Index>& levels : indices_) {
    for (const Index& panes : levels) nodes += panes.size();
  }
  return nodes * kNodeBytes + kept_.memory_bytes();
}

}  // namespace tocsin
