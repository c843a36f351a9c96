#pragma once

// Delivery reports of one transaction: where its records came to lie, and the first that was refused.
//
// Thread:   the one that commits.
// Lifetime: of one transaction; keeps a reference to its records.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/kafka/client.h"
#include "engine/log/log.h"

namespace tocsin::kafka {

class Deliveries final : public DeliverySink {
 public:
  explicit Deliveries(const std::vector<log::OutRecord>& records) : records_(records) {}

  // A record is known to librdkafka by its tag.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka's opaque is a pointer; this one is never followed
  static void* tag(size_t index) { return reinterpret_cast<void*>(index + 1); }

  void delivered(const rd_kafka_message_t& message) override;

  struct Refusal {
    rd_kafka_resp_err_t code;
    std::string what;  // "record 17 for topic 'x', 2000000 bytes"
  };
  // The first record refused for a reason of its own. One that failed only because its transaction did is no refusal.
  const std::optional<Refusal>& refusal() const { return refusal_; }
  log::CommitReceipt receipt() const;

  // What identifies a record in a message.
  static std::string describe(const log::OutRecord& record, size_t index);

 private:
  const std::vector<log::OutRecord>& records_;
  std::optional<Refusal> refusal_;
  std::map<std::pair<std::string_view, int32_t>, int64_t> last_offsets_;
};

}  // namespace tocsin::kafka
