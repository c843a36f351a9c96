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
// A rolled-up sketch that is longer than that becomes one t-digest, which is never longer than half of it by much. So the finer levels of a
// group of some hundred values a second only list values, and one merge a minute is all the work.
constexpr size_t kSketchBytesMax = 8 << 10;
// What a roll-up puts together before it makes a t-digest of it: one of all values costs less, and is finer, than several that are merged.
constexpr size_t kRollUpBytesMax = 32 << 10;
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
    const auto& [width, retention] = view(v).levels[level];
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
  if (view(v).latency) write_blocks(v, level, start, effect, rows, keys::PanePart::kSketches);
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

Status PaneStore::read_pane(int v, size_t level, EventTime start, keys::PanePart part, const RowVisitor& visit) {
  const std::string from = keys::panes(partition_, view(v).id, part, view(v).levels[level].width, start);
  const std::unique_ptr<state::Iterator> it = overlay_.scan(from, state::prefix_end(from));
  for (; it->valid(); it->next()) {
    state::KeyReader key(it->key().substr(from.size()));
    const EventTime effect{key.i64()};
    Result<RowsReader> rows = open_block(v, part, start, it->value());
    if (!rows.ok()) return damaged_block(v, start);
    Partial partial;
    while (rows->next()) {
      if (!rows->read(start.ms, partial).ok()) return damaged_block(v, start);
      visit(effect, rows->group(), partial);
    }
  }
  return it->status();
}

Status PaneStore::merge_sketch(int v, const Piece& piece, uint64_t group, WindowSketch& extremes, SketchMerger& sketches) {
  const std::string from = keys::panes(partition_, view(v).id, keys::PanePart::kSketches, view(v).levels[piece.level].width, piece.start);
  const std::unique_ptr<state::Iterator> it = overlay_.scan(from, state::prefix_end(from));
  for (; it->valid(); it->next()) {
    state::KeyReader key(it->key().substr(from.size()));
    key.i64();                        // effect
    if (key.u64() > group) continue;  // begins behind it
    if (!merge_from_block(it->value(), group, extremes, sketches).ok()) return damaged_block(v, piece.start);
  }
  return it->status();
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
  const Index& children = index(v, level - 1);
  for (auto child = children.lower_bound(start); child != children.end() && *child < end; ++child) {
    const auto add = [&merged](EventTime, uint64_t group, const Partial& partial) {
      Partial& into = merged[group];
      into.total.add(partial.total);
      into.last_event = std::max(into.last_event, partial.last_event);
      into.last_latency_event = std::max(into.last_latency_event, partial.last_latency_event);
    };
    const auto merge = [&merged](EventTime, uint64_t group, const Partial& partial) {
      merged[group].sketch.merge(partial.sketch, kRollUpBytesMax);
    };
    TOCSIN_RETURN_IF_ERROR(read_pane(v, level - 1, *child, keys::PanePart::kCounters, add));
    if (view(v).latency) TOCSIN_RETURN_IF_ERROR(read_pane(v, level - 1, *child, keys::PanePart::kSketches, merge));
  }
  if (merged.empty()) return {};
  for (auto& [group, partial] : merged) partial.sketch.parts.compact_beyond(kSketchBytesMax);
  PaneRows rows(std::make_move_iterator(merged.begin()), std::make_move_iterator(merged.end()));
  write(v, level, start, end, rows);
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

Status PaneStore::read_counters(int v, EventTime from, EventTime to, EventTime now, const RowVisitor& visit) {
  for (const Piece& piece : cover(v, from, to, now)) {
    TOCSIN_RETURN_IF_ERROR(read_pane(v, piece.level, piece.start, keys::PanePart::kCounters, visit));
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

  const WindowSketch none;
  std::vector<const WindowSketch*> parts{&none};
  for (size_t level = levels.size(); level-- > fine;) {
    TOCSIN_RETURN_IF_ERROR(complete_tier(w.view, group, level, pieces, *parts.front(), kept.tiers[level]));
    parts.front() = &kept.tiers[level].sketch;
  }
  std::map<std::pair<size_t, EventTime>, WindowSketch> panes;
  for (const Piece& piece : pieces) {
    if (piece.level >= fine) continue;
    WindowSketch& pane = panes[{piece.level, piece.start}];
    if (auto known = kept.fine.extract({piece.level, piece.start}); !known.empty()) {
      pane = std::move(known.mapped());
    } else {
      TOCSIN_RETURN_IF_ERROR(merge_pieces(w.view, group, {piece}, pane));
    }
    parts.push_back(&pane);
  }
  kept.fine = std::move(panes);
  sketch = WindowSketch::merged(parts);
  return {};
}

Status PaneStore::complete_tier(int v, uint64_t group, size_t level, const std::vector<Piece>& pieces, const WindowSketch& above,
                                SketchCache::Tier& tier) {
  EventTime from = EventTime::max();
  EventTime to = EventTime::max();
  std::vector<Piece> own;
  for (const Piece& piece : pieces) {
    if (piece.level < level) continue;
    from = std::min(from, piece.start);
    to = piece.start + view(v).levels[piece.level].width;
    if (piece.level == level) own.push_back(piece);
  }
  if (tier.from == from && tier.to == to) return {};
  tier = {};
  WindowSketch of_level;
  TOCSIN_RETURN_IF_ERROR(merge_pieces(v, group, own, of_level));
  tier = {from, to, WindowSketch::merged({&above, &of_level})};
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
      const auto& [width, retention] = view(v).levels[level];
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
