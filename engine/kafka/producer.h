#pragma once

// Writes transactions under one transactional id, each in one call.
//
//              open / replace                       begin, records, offsets, commit
//   no client ────────────────► ready ─────────────────────────────────────────────► committed, ready
//       ▲                         ▲ │
//       │ cannot take the id back │ │ must abort ──► abort ──► rolled back, ready      kAborted, kInvalidArgument
//       │ (doubtful)              │ │ fenced ─────────────────► over                   kFenced
//       └─────────────────────────┴─┴ anything else ──► replace                        kUnavailable
//
// librdkafka knows nothing of KIP-890: after a time-out, what is still on its way to the coordinator could end the *next*
// transaction. A client that takes over the id raises its epoch first, and an older epoch's requests are refused. Only then may the
// committed offsets be read again, or they might still change: hence "doubtful", in which commit() refuses to write (kafka.h).
//
// Thread:     one at a time.
// Invariants: (1) no transaction begins on a client after one whose outcome was not learned; (2) each call ends: by
//             the transaction's time-out, for an abort the same again, and replace_timeout. Sending offsets, which librdkafka may
//             not end by its time-out, is left behind then, with its client; what it may still send is of a lower epoch.
// Failure:    as log.h says.

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "engine/kafka/call_thread.h"
#include "engine/kafka/client.h"
#include "engine/kafka/deadline.h"
#include "engine/kafka/deliveries.h"
#include "engine/kafka/errors.h"
#include "engine/kafka/kafka.h"

namespace tocsin::kafka {

class KafkaProducer final : public log::TransactionalProducer {
 public:
  static Result<std::unique_ptr<KafkaProducer>> open(ProducerOptions options);

  Result<log::CommitReceipt> commit(log::Transaction transaction) override;

 private:
  explicit KafkaProducer(ProducerOptions options) : options_(std::move(options)) {}

  // Ends the present client, starts another under the same id and waits until it owns it.
  Status replace();
  Status make_client();
  Status take_over(Deadline deadline);
  void prime_topics();

  // One try; nothing if it was committed.
  std::optional<TransactionError> attempt(const log::Transaction& transaction, Deadline deadline, Deliveries& deliveries);
  std::optional<TransactionError> enqueue(const std::vector<log::OutRecord>& records, Deadline deadline);
  rd_kafka_resp_err_t enqueue_one(const log::OutRecord& record, size_t index, rd_kafka_topic_t* topic);
  std::optional<TransactionError> send_offsets(const log::Transaction& transaction, Deadline deadline);
  // The status of a failed try, after it has been aborted or its client replaced.
  Status settle(const TransactionError& error, Deadline deadline, const Deliveries& deliveries);
  Status settle_aborted(const TransactionError& error, const Deliveries& deliveries);
  Status replace_after(const TransactionError& error);

  Result<rd_kafka_topic_t*> topic(const std::string& name);
  std::string who() const;

  ProducerOptions options_;
  std::shared_ptr<Client> client_;  // outlives topics_
  std::unordered_map<std::string, TopicHandle> topics_;
  CallThread offsets_;  // runs what sends them
  Status fenced_;
  bool doubtful_ = false;
};

}  // namespace tocsin::kafka
