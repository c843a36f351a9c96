#include "operators/flush.h"

#include <algorithm>
#include <tuple>

#include "operators/rows_codec.h"
#include "operators/sketch/sort.h"

namespace tocsin {
namespace {

// One accumulator's share in one row.
struct Contribution {
  uint32_t partition;
  int view;
  EventTime pane;          // the view's
  EventTime visible_from;  // min(): at the pane's end
  uint32_t group;
  uint32_t accumulator;
  uint32_t target;  // index into the series' targets

  auto row() const { return std::tie(partition, view, pane, visible_from, group); }
  auto order() const { return std::tie(partition, view, pane, visible_from, group, accumulator); }
};

std::vector<Contribution> list_contributions(const Plan& plan, const SeriesTable& series, Accumulators& accumulators, uint32_t partitions) {
  std::vector<Contribution> contributions;
  for (uint32_t a = 0; a < accumulators.all().size(); ++a) {
    const AccumulatorKey& key = accumulators.all()[a].key;
    const std::vector<SeriesTarget>& targets = series.signature(key.series).targets;
    for (uint32_t t = 0; t < targets.size(); ++t) {
      const View& view = plan.views[static_cast<size_t>(targets[t].view)];
      const EventTime pane = floor_to(key.pane, view.pane);
      const uint32_t group = series.group(key.series, view.group_space);
      const uint64_t hash = series.group_hash(view.group_space, group);
      contributions.push_back({static_cast<uint32_t>(hash % partitions), targets[t].view, pane,
                               key.visible_from > pane + view.pane ? key.visible_from : EventTime::min(), group, a, t});
    }
  }
  std::sort(contributions.begin(), contributions.end(), [](const Contribution& a, const Contribution& b) { return a.order() < b.order(); });
  return contributions;
}

void count_above(const std::vector<uint64_t>& thresholds, uint64_t latency_us, uint64_t weight, SparseCounts& above) {
  const auto next = std::lower_bound(thresholds.begin(), thresholds.end(), latency_us);
  if (next != thresholds.begin()) above.add(static_cast<uint32_t>(next - thresholds.begin()) - 1, weight);
}

// Counts `latencies` (sorted) between neighbouring thresholds. The shorter list is looked up in the longer.
void count_above(const std::vector<uint64_t>& thresholds, std::span<const uint32_t> latencies, SparseCounts& above) {
  if (thresholds.empty()) return;
  const auto greater = [](uint64_t threshold, uint32_t latency) { return threshold < latency; };
  auto from = std::upper_bound(latencies.begin(), latencies.end(), thresholds.front(), greater);
  if (static_cast<size_t>(latencies.end() - from) < thresholds.size()) {
    for (; from != latencies.end(); ++from) count_above(thresholds, *from, 1, above);
    return;
  }
  for (size_t i = 0; i < thresholds.size(); ++i) {
    const auto to = i + 1 < thresholds.size() ? std::upper_bound(from, latencies.end(), thresholds[i + 1], greater) : latencies.end();
    above.add(static_cast<uint32_t>(i), static_cast<uint64_t>(to - from));
    from = to;
  }
}

uint64_t count_predicate(const LatencyCondition& condition, std::span<const uint32_t> sorted,
                         const std::vector<Accumulators::WeightedLatency>* side, uint64_t weight_without_latency) {
  uint64_t count = condition.truth_without_latency ? weight_without_latency : 0;
  auto from = sorted.begin();
  for (size_t i = 0; i < condition.truth.size(); ++i) {
    const auto to = i < condition.cuts.size() ? std::upper_bound(from, sorted.end(), condition.cuts[i],
                                                                 [](int64_t cut, uint32_t latency) { return cut < latency; })
                                              : sorted.end();
    if (condition.truth[i]) count += static_cast<uint64_t>(to - from);
    from = to;
  }
  if (side != nullptr) {
    for (const auto& [latency_us, weight] : *side) count += condition.holds(latency_us) ? weight : 0;
  }
  return count;
}

class RowBuilder {
 public:
  RowBuilder(const Plan& plan, const SeriesTable& series, Accumulators& accumulators)
      : plan_(plan), series_(series), accumulators_(accumulators) {}

  // The row that these contributions (all of one row) add up to.
  Partial build(std::span<const Contribution> contributions) {
    const View& view = plan_.views[static_cast<size_t>(contributions.front().view)];
    Partial partial;
    partial.total.predicates.resize(view.predicates.size());
    for (const Contribution& contribution : contributions) add(view, contribution, partial);
    if (view.latency) add_sketch(contributions, partial.sketch.parts);
    return partial;
  }

 private:
  void add(const View& view, const Contribution& contribution, Partial& partial) {
    Accumulator& accumulator = accumulators_.all()[contribution.accumulator];
    const Signature& signature = series_.signature(accumulator.key.series);
    PartialTotal& total = partial.total;
    total.count += accumulator.weight;
    if (!signature.success) total.errors += accumulator.weight;
    partial.last_event = std::max(partial.last_event, accumulator.last_event);
    const auto* side = accumulator.side_list < 0 ? nullptr : &accumulators_.side_list(accumulator.side_list);
    const std::vector<LatencyCondition>& predicates = signature.targets[contribution.target].predicates;
    for (size_t i = 0; i < predicates.size(); ++i) {
      total.predicates[i] += count_predicate(predicates[i], accumulator.values(), side, accumulator.weight - accumulator.latency_weight);
    }
    if (view.latency) add_latencies(view, accumulator, side, partial);
  }

  static void add_latencies(const View& view, Accumulator& accumulator, const std::vector<Accumulators::WeightedLatency>* side,
                            Partial& partial) {
    PartialTotal& total = partial.total;
    total.latency_count += accumulator.latency_weight;
    total.latency_sum_us += accumulator.latency_sum_us;
    partial.last_latency_event = std::max(partial.last_latency_event, accumulator.last_latency_event);
    partial.sketch.latency_min_us = std::min(partial.sketch.latency_min_us, accumulator.latency_min_us);
    partial.sketch.latency_max_us = std::max(partial.sketch.latency_max_us, accumulator.latency_max_us);
    count_above(view.thresholds, accumulator.values(), total.above);
    if (side == nullptr) return;
    for (const auto& [latency_us, weight] : *side) count_above(view.thresholds, latency_us, weight, total.above);
  }

  // Few values as they are, many as one t-digest; what has a weight or needs more than 32 bits goes into a t-digest, too.
  void add_sketch(std::span<const Contribution> contributions, SketchParts& parts) {
    size_t values = 0;
    for (const Contribution& contribution : contributions) values += accumulators_.all()[contribution.accumulator].size;
    TDigest digest;
    for (const Contribution& contribution : contributions) {
      Accumulator& accumulator = accumulators_.all()[contribution.accumulator];
      if (values > SketchParts::kValuesMax) {
        digest.add_sorted(accumulator.values());
      } else if (accumulator.size > 0) {
        parts.add_values(accumulator.values());
      }
      if (accumulator.side_list < 0) continue;
      for (const auto& [latency_us, weight] : accumulators_.side_list(accumulator.side_list)) {
        digest.add(static_cast<double>(latency_us), weight);
      }
    }
    if (!digest.empty()) parts.add_digest(digest);
  }

  const Plan& plan_;
  const SeriesTable& series_;
  Accumulators& accumulators_;
};

// Writes rows of one view for one partition, with a dictionary of the groups that occur in them.
class ViewRowsWriter {
 public:
  // Beyond this many bytes the rows go on in another ViewRows, so that frames can be cut into parts that fit a message.
  static constexpr size_t kBytesMax = 200'000;

  ViewRowsWriter(const View& view, const SeriesTable& series, v1::ViewRows& out)
      : view_(view), series_(series), out_(out), writer_(*out.mutable_rows(), {true, true, view.latency, view.predicates.size()}) {
    out.set_view(view.id);
    out.set_pane_ms(view.pane.ms);
    out.set_labels_per_group(static_cast<uint32_t>(view.by.size()));
    for (const uint64_t threshold : view.thresholds) out.add_thresholds_us(threshold);
    for (const EventPredicate& predicate : view.predicates) out.add_predicates(predicate.id());
  }

  void add(const Contribution& row, const Partial& partial) {
    const uint64_t delay =
        row.visible_from == EventTime::min() ? 0 : static_cast<uint64_t>((row.visible_from - (row.pane + view_.pane)).ms);
    writer_.set_pane(row.pane.ms / view_.pane.ms, delay);
    writer_.add(local_group(row.group), row.pane.ms, partial);
    const v1::Rows& rows = out_.rows();
    bytes_ += kRowBytes + 4 * partial.total.above.entries().size() + 2 * partial.total.predicates.size();
    if (rows.sketch_size() > 0) bytes_ += static_cast<size_t>(rows.sketch(rows.sketch_size() - 1).size());
  }

  bool full() const { return bytes_ >= kBytesMax; }

 private:
  uint64_t local_group(uint32_t group) {
    const auto [found, is_new] = local_groups_.try_emplace(group, local_groups_.size());
    if (is_new) {
      for (const std::string_view value : series_.group_values(view_.group_space, group)) {
        out_.add_labels(std::string(value));
        bytes_ += value.size() + 2;
      }
    }
    return found->second;
  }

  const View& view_;
  const SeriesTable& series_;
  v1::ViewRows& out_;
  RowsWriter writer_;
  absl::flat_hash_map<uint32_t, uint64_t> local_groups_;
  static constexpr size_t kRowBytes = 60;  // the columns of a row without lists, as varints
  size_t bytes_ = 0;                       // estimate
};

}  // namespace

std::vector<std::vector<v1::ViewRows>> flush_rows(const Plan& plan, const SeriesTable& series, Accumulators& accumulators,
                                                  uint32_t partitions) {
  for (Accumulator& accumulator : accumulators.all()) sort_ascending(accumulator.values());
  std::vector<std::vector<v1::ViewRows>> by_partition(partitions);
  const std::vector<Contribution> contributions = list_contributions(plan, series, accumulators, partitions);
  RowBuilder builder(plan, series, accumulators);
  std::optional<ViewRowsWriter> writer;
  const Contribution* previous = nullptr;
  for (size_t from = 0; from < contributions.size();) {
    size_t to = from + 1;
    while (to < contributions.size() && contributions[to].row() == contributions[from].row()) ++to;
    const Contribution& row = contributions[from];
    if (previous == nullptr || previous->partition != row.partition || previous->view != row.view || writer->full()) {
      // Views of a partition are kept in a vector that must not move under the writer; it is done with the one before.
      writer.reset();
      writer.emplace(plan.views[static_cast<size_t>(row.view)], series, by_partition[row.partition].emplace_back());
    }
    writer->add(row, builder.build({contributions.data() + from, to - from}));
    previous = &row;
    from = to;
  }
  return by_partition;
}

}  // namespace tocsin
