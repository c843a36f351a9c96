#include "engine/kafka/errors.h"

#include <fmt/format.h>

namespace tocsin::kafka {
namespace {

bool is_fencing(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

}  // namespace

StatusCode reaction_to(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return StatusCode::kOk;
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR__FENCED: return StatusCode::kFenced;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG: return StatusCode::kInvalidArgument;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return StatusCode::kNotFound;
    case RD_KAFKA_RESP_ERR__LOG_TRUNCATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID: return StatusCode::kDataLoss;
    default: return StatusCode::kUnavailable;
  }
}

std::string_view next_step(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR__FENCED: return "another process runs with the same `instance`; give each process a name of its own";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "grant this user Read on the topics it reads, Read and Write on `<app>.*`, DescribeConfigs on all of them, and for "
             "`tocsin topics --create` also Create";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED: return "grant this user Read on the consumer groups `<app>-*`";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return "grant this user the operation on the cluster";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return "grant this user Write and Describe on the transactional ids `<app>-*`";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: return "raise the topic's max.message.bytes and message.max.bytes under `kafka:`";
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT: return "raise transaction.max.timeout.ms on the brokers";
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
      return "set session.timeout.ms between the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms";
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
      return "other members of the group use another assignor; let all processes run the same version";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return "check the topic's name and partitions, or make our own topics with `tocsin topics --create`";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED: return "check the sasl.* properties under `kafka:`";
    case RD_KAFKA_RESP_ERR__SSL: return "check security.protocol and the ssl.* properties under `kafka:`";
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE: return "check that the brokers run and bootstrap.servers names them";
    case RD_KAFKA_RESP_ERR__LOG_TRUNCATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
      return "the topic was made anew or lost records: bring it back, or start over with another `app` name";
    default: return {};
  }
}

Status to_status(rd_kafka_resp_err_t code, std::string_view doing, std::string_view detail) {
  const std::string_view what = detail.empty() ? std::string_view(rd_kafka_err2str(code)) : detail;
  const std::string_view step = next_step(code);
  return {reaction_to(code), fmt::format("{}: {} ({}){}{}", doing, what, rd_kafka_err2name(code), step.empty() ? "" : "; ", step)};
}

Status waiting_for_topic(const Status& status) { return status.code() == StatusCode::kNotFound ? unavailable(status.message()) : status; }

TransactionError describe(const rd_kafka_error_t& error) {
  return {rd_kafka_error_code(&error), rd_kafka_error_is_fatal(&error) != 0, rd_kafka_error_txn_requires_abort(&error) != 0,
          rd_kafka_error_string(&error)};
}

TransactionStep step_after(const TransactionError& error, bool expired) {
  if (error.must_abort && !error.fatal) return TransactionStep::kAbort;
  if (is_fencing(error.code) && !expired) return TransactionStep::kFenced;
  return TransactionStep::kReplace;
}

StatusCode code_after_abort(rd_kafka_resp_err_t code) {
  const StatusCode reaction = reaction_to(code);
  if (reaction == StatusCode::kInvalidArgument || reaction == StatusCode::kNotFound) return StatusCode::kInvalidArgument;
  return StatusCode::kAborted;
}

}  // namespace tocsin::kafka
