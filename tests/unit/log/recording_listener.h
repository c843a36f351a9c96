#pragma once

// A ConsumerListener that writes down what it is told, and helpers to read with it.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/log/log.h"

namespace tocsin::log {

class RecordingListener : public ConsumerListener {
 public:
  Result<std::vector<StartPosition>> on_assigned(const std::vector<Assignment>& partitions) override {
    std::vector<StartPosition> starts;
    std::vector<std::string> names;
    for (const Assignment& each : partitions) {
      names.push_back(each.committed ? fmt::format("{}@{}", each.source, each.committed->offset) : fmt::format("{}", each.source));
      starts.push_back(each.committed ? StartPosition{StartPosition::Kind::kOffset, each.committed->offset} : start);
    }
    calls.push_back(fmt::format("assigned {}", fmt::join(names, " ")));
    if (assign_hook) assign_hook();
    if (!assign_status.ok()) return std::exchange(assign_status, {});
    return starts;
  }
  void on_revoked(const std::vector<int32_t>& sources) override {
    calls.push_back(fmt::format("revoked {}", fmt::join(sources, " ")));
    if (revoke_hook) revoke_hook();
  }
  void on_lost(const std::vector<int32_t>& sources) override {
    calls.push_back(fmt::format("lost {}", fmt::join(sources, " ")));
    if (lost_hook) lost_hook();
  }
  void on_range_lost(int32_t source, int64_t from, int64_t to) override {
    calls.push_back(fmt::format("range lost {} {}-{}", source, from, to));
  }
  void on_end(int32_t source, int64_t end, WallTime asked_at) override {
    calls.push_back(fmt::format("end {} {} asked {}", source, end, asked_at.ms));
  }
  void on_finished(int32_t source) override { calls.push_back(fmt::format("finished {}", source)); }

  std::vector<std::string> take_calls() { return std::exchange(calls, {}); }

  StartPosition start;   // where nothing is committed
  Status assign_status;  // what the next on_assigned answers, if not ok
  std::function<void()> assign_hook;
  std::function<void()> revoke_hook;
  std::function<void()> lost_hook;
  std::vector<std::string> calls;
};

// The values of one poll that does not wait.
inline std::vector<std::string> poll_values(GroupConsumer& consumer) {
  RecordBatch batch;
  const Status status = consumer.poll({}, batch);
  std::vector<std::string> values;
  if (!status.ok()) values.push_back(fmt::format("error {}: {}", to_string(status.code()), status.message()));
  for (const Record& record : batch.records) values.emplace_back(record.value);
  return values;
}

}  // namespace tocsin::log
