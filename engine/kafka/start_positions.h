#pragma once

// Where reading of newly assigned partitions starts: what the group has committed, and what the engine's answer to that means as an
// offset. Both ask the brokers and wait for at most timeout_ms; kUnavailable is to be tried again.

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/status.h"
#include "engine/kafka/client.h"
#include "engine/log/log.h"

namespace tocsin::kafka {

// The committed offset of each partition with its metadata, or nothing where none is. Waits for transactions in doubt: brokers answer
// UNSTABLE_OFFSET_COMMIT until they have ended, and librdkafka asks again within the time-out (KIP-447, since it reads committed).
Result<std::vector<std::optional<log::CommittedOffset>>> fetch_committed(const Client& client,
                                                                         const std::vector<log::TopicPartition>& partitions,
                                                                         int timeout_ms);

// Offsets for the wanted positions (as many as partitions). kLatest and a time after the last record become the end of what is
// committed now: a number, so that position() is known before the first record comes.
Result<std::vector<int64_t>> resolve_positions(const Client& client, const std::vector<log::TopicPartition>& partitions,
                                               const std::vector<log::StartPosition>& wanted, int timeout_ms);

}  // namespace tocsin::kafka
