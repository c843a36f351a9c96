#pragma once

// Asks the brokers where partitions begin and end, by the Admin API: in the isolation level that the question needs, and without
// blocking the caller if it likes.

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/status.h"
#include "engine/kafka/client.h"
#include "engine/log/log.h"

namespace tocsin::kafka {

enum class Isolation {
  kCommitted,    // the end is before the first transaction still open
  kUncommitted,  // the end is the end
};

struct OffsetQuestion {
  static constexpr int64_t kEarliest = RD_KAFKA_OFFSET_SPEC_EARLIEST;
  static constexpr int64_t kLatest = RD_KAFKA_OFFSET_SPEC_LATEST;
  log::TopicPartition partition;
  int64_t spec = kLatest;  // or Unix milliseconds >= 0: the first record not older
};

// Sends the questions; the answer comes to `queue` as an event whose opaque is `opaque`. A partition may be asked about once a call.
Status ask_offsets(const Client& client, const std::vector<OffsetQuestion>& questions, Isolation isolation, int timeout_ms,
                   rd_kafka_queue_t* queue, void* opaque);

struct OffsetAnswer {
  log::TopicPartition partition;
  int64_t offset = -1;  // -1: no record as young as asked for
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

// In the order in which the brokers answered.
Result<std::vector<OffsetAnswer>> answers_of(rd_kafka_event_t* event);

// Asks and waits. The offsets are in the order of `questions`; fails as a whole if one partition does. If a broker says that the client's
// leaders are out of date, or the client knows of none, it learns them anew and asks again, until the time is over.
Result<std::vector<int64_t>> list_offsets(const Client& client, const std::vector<OffsetQuestion>& questions, Isolation isolation,
                                          int timeout_ms);

}  // namespace tocsin::kafka
