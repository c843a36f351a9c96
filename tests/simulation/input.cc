#include "tests/simulation/input.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/simulation/random.h"

namespace tocsin::simulation {
namespace {

constexpr int64_t kMessagesMin = 15;
constexpr int64_t kMessagesMax = 35;
constexpr int64_t kAheadMs = 15'000;  // the last event of each partition

class Writer {
 public:
  explicit Writer(uint64_t seed) : random_(seed) {}

  Input write() {
    input_.partitions = static_cast<int32_t>(random_.between(1, 4));
    partitions_ = input_.partitions;
    // Where there are pauses, it is often time alone that moves windows and alerts on.
    pause_max_ms_ = random_.one_in(3) ? 2'000 : 600;
    late_ = !random_.one_in(4);
    const int64_t messages = random_.between(kMessagesMin, kMessagesMax);
    const int64_t growth = random_.one_in(3) ? random_.between(5, messages - 5) : -1;
    for (int64_t i = 0; i < messages; ++i) {
      now_ms_ += random_.between(0, pause_max_ms_);
      if (i == growth) {
        input_.grows = true;
        const int32_t added = partitions_++;
        step(InputStep::Kind::kAddPartition, {{added, first_of_added()}});
      } else if (random_.one_in(15)) {
        write_transaction();
      } else {
        step(InputStep::Kind::kMessages, {message()});
      }
    }
    for (int32_t partition = 0; partition < partitions_; ++partition) {
      step(InputStep::Kind::kMessages, {{partition, object(now_ms_ + kAheadMs, R"(,"region":"end")")}});
    }
    return std::move(input_);
  }

 private:
  void step(InputStep::Kind kind, std::vector<Message> messages) { input_.steps.push_back({kind, now_ms_, std::move(messages)}); }

  // Older events of a partition that joins are late up to the watermark that it joins with.
  std::string first_of_added() {
    std::string batch = "[" + event(now_ms_);
    for (int64_t i = random_.between(0, 4); i > 0; --i) batch += "," + event(now_ms_ - random_.between(0, 6'000));
    return batch + "]";
  }

  void write_transaction() {
    std::vector<Message> messages;
    for (int64_t i = random_.between(1, 3); i > 0; --i) messages.push_back(message());
    step(random_.one_in(3) ? InputStep::Kind::kRolledBack : InputStep::Kind::kTransaction, std::move(messages));
  }

  Message message() {
    const auto partition = static_cast<int32_t>(random_.below(static_cast<uint64_t>(partitions_)));
    if (random_.one_in(40)) return {partition, "{not json"};
    if (!random_.one_in(6)) return {partition, event(time_of_event())};
    std::string batch = "[" + event(time_of_event());
    for (int64_t i = random_.between(0, 3); i > 0; --i) batch += "," + event(time_of_event());
    return {partition, batch + "]"};
  }

  int64_t time_of_event() {
    const uint64_t kind = random_.below(100);
    if (kind < 12 && late_) input_.coverage.hit(Event::kLateEvent);
    if (kind < 10 && late_) return now_ms_ - random_.between(0, 9'000);
    if (kind < 12 && late_) return now_ms_ - 21'000 - random_.between(0, 9'000);
    return now_ms_ - random_.between(0, std::min<int64_t>(pause_max_ms_, 400));
  }

  std::string event(int64_t at_ms) {
    const bool bad_time = at_ms % 15'000 > 4'000 && at_ms % 15'000 < 9'000;
    const char* const region = random_.one_in(3) ? "us" : "eu";
    std::string more = fmt::format(R"(,"region":"{}","success":{})", region, random_.below(100) >= (bad_time ? 60U : 8U));
    if (!random_.one_in(5)) more += fmt::format(R"(,"latency_ms":{})", 10 * random_.between(1, bad_time ? 30 : 18));
    if (random_.one_in(6)) more += fmt::format(R"(,"weight":{})", random_.between(1, 5));
    if (random_.one_in(6)) more += fmt::format(R"(,"session_id":"s{}")", random_.below(4));
    return object(at_ms, more);
  }

  std::string object(int64_t at_ms, const std::string& more) {
    return fmt::format(R"({{"ts":{},"domain":"{}"{}}})", kBaseMs + at_ms, random_.one_in(3) ? "wallet" : "chat", more);
  }

  Random random_;
  Input input_;
  int32_t partitions_ = 1;
  int64_t pause_max_ms_ = 500;
  bool late_ = true;  // there are late events
  int64_t now_ms_ = 0;
};

}  // namespace

Input make_input(uint64_t seed) { return Writer(seed).write(); }

}  // namespace tocsin::simulation
