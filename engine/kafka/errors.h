#pragma once

// The one place that says what an error of librdkafka means to the engine.
//
// Outside transactions an error has one of these reactions:
//
//   reaction           librdkafka's errors                                  what the caller does
//   kFenced            PRODUCER_FENCED, _FENCED, INVALID_PRODUCER_EPOCH,    stops this process' role: another one of its name runs;
//                      FENCED_INSTANCE_ID                                   but the last one is not believed at once, see consumer.h
//   kInvalidArgument   authorization refused, invalid topic or partition,   stops; a person changes configuration, rights or topics
//                      record too large or invalid, bad configuration,
//                      unsupported version or feature
//   kNotFound          UNKNOWN_TOPIC_OR_PART, _UNKNOWN_TOPIC,               per caller: waits for the topic (consumer), refuses the
//                      _UNKNOWN_PARTITION                                   record (producer)
//   kDataLoss          _LOG_TRUNCATION, UNKNOWN_TOPIC_ID                    stops the partition; a person decides
//   kUnavailable       everything else: broker away, time-out, not leader,  tries again; message is for the log
//                      authentication failed, coordinator moved, throttled
//
// A failed step of a transaction leads to one of these:
//
//   step       when                                                         then
//   kAbort     the client says the transaction must be aborted              abort; its outcome is certain: rolled back
//   kFenced    fencing, and the transaction is younger than its time-out    stop: another process owns the transactional id
//   kReplace   time-out, any other fatal error, fencing of a transaction    destroy the client, start one of the same id: its
//              as old as its time-out (then the coordinator fenced it)      epoch keeps whatever is still under way from counting
//
// After an abort the status tells why: kInvalidArgument if a record or a right was refused (the same work would be refused again), else
// kAborted. That also where the group has given the consumer's name to another member id, which may be our own: KafkaConsumer finds out.
//
// Thread: any; all functions are pure.

#include <string>
#include <string_view>

#include "engine/base/status.h"
#include "engine/kafka/handles.h"

namespace tocsin::kafka {

StatusCode reaction_to(rd_kafka_resp_err_t code);

// What a person can do about it, or "".
std::string_view next_step(rd_kafka_resp_err_t code);

// "<doing>: <detail, or librdkafka's description> (<name>); <next step>".
Status to_status(rd_kafka_resp_err_t code, std::string_view doing, std::string_view detail = {});

// kNotFound as kUnavailable, for who waits: a topic may be made anew, and a broker that lags behind the others does not know of it yet.
Status waiting_for_topic(const Status& status);

// A failed step of a transaction, as far as the reaction depends on it.
struct TransactionError {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  bool fatal = false;
  bool must_abort = false;
  std::string message;
};
TransactionError describe(const rd_kafka_error_t& error);

enum class TransactionStep { kAbort, kFenced, kReplace };
// `expired`: the transaction is at least as old as its time-out.
TransactionStep step_after(const TransactionError& error, bool expired);

// The status of a transaction that has been aborted because of `code`.
StatusCode code_after_abort(rd_kafka_resp_err_t code);

}  // namespace tocsin::kafka
