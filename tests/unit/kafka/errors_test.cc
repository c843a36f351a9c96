#include "engine/kafka/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tocsin::kafka {
namespace {

using testing::HasSubstr;

TEST(Errors, FencingStopsTheProcess) {
  EXPECT_EQ(reaction_to(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID), StatusCode::kFenced);
  EXPECT_EQ(reaction_to(RD_KAFKA_RESP_ERR__FENCED), StatusCode::kFenced);
  EXPECT_EQ(reaction_to(RD_KAFKA_RESP_ERR_PRODUCER_FENCED), StatusCode::kFenced);
  EXPECT_EQ(reaction_to(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH), StatusCode::kFenced);
}

TEST(Errors, WhatAPersonHasToChangeIsAnInvalidArgument) {
  for (const auto code : {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                          RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                          RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT}) {
    EXPECT_EQ(reaction_to(code), StatusCode::kInvalidArgument) << rd_kafka_err2name(code);
  }
}

TEST(Errors, WhatMayPassIsUnavailable) {
  for (const auto code :
       {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
        RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, RD_KAFKA_RESP_ERR_UNKNOWN}) {
    EXPECT_EQ(reaction_to(code), StatusCode::kUnavailable) << rd_kafka_err2name(code);
  }
}

TEST(Errors, AMissingTopicAndALostLogHaveTheirOwnCodes) {
  EXPECT_EQ(reaction_to(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), StatusCode::kNotFound);
  EXPECT_EQ(reaction_to(RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION), StatusCode::kNotFound);
  EXPECT_EQ(reaction_to(RD_KAFKA_RESP_ERR__LOG_TRUNCATION), StatusCode::kDataLoss);
  EXPECT_EQ(reaction_to(RD_KAFKA_RESP_ERR_NO_ERROR), StatusCode::kOk);
}

TEST(Errors, AMessageSaysWhatWhereAndWhatToDoNext) {
  const Status status = to_status(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "topic 'telemetry'");
  EXPECT_THAT(status.message(), HasSubstr("topic 'telemetry': "));
  EXPECT_THAT(status.message(), HasSubstr("(UNKNOWN_TOPIC_OR_PART)"));
  EXPECT_THAT(status.message(), HasSubstr("tocsin topics --create"));
  EXPECT_EQ(to_status(RD_KAFKA_RESP_ERR_UNKNOWN, "x", "because").message(), "x: because (UNKNOWN)");
}

// Kafka takes the right to read or write for one to describe, but not for one to describe configurations, for which `run` asks.
TEST(Errors, ARefusedTopicNamesAllRightsThatAreNeeded) {
  const Status status = to_status(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "asking for the configuration of topic 'telemetry'");
  for (const char* right : {"Read", "Write", "DescribeConfigs", "Create"}) EXPECT_THAT(status.message(), HasSubstr(right));
}

TransactionError error(rd_kafka_resp_err_t code, bool fatal, bool must_abort) {
  return {.code = code, .fatal = fatal, .must_abort = must_abort, .message = {}};
}

TEST(TransactionSteps, WhatMustBeAbortedIsAborted) {
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, false, true), false), TransactionStep::kAbort);
  // Also where the broker speaks of an epoch: the client knows better whether the id is lost.
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, false, true), false), TransactionStep::kAbort);
}

TEST(TransactionSteps, AFencedProducerStops) {
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR__FENCED, true, false), false), TransactionStep::kFenced);
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR_PRODUCER_FENCED, true, false), false), TransactionStep::kFenced);
}

TEST(TransactionSteps, ATransactionAsOldAsItsTimeOutWasFencedByTheCoordinator) {
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR__FENCED, true, false), true), TransactionStep::kReplace);
}

TEST(TransactionSteps, AnUnknownOutcomeReplacesTheProducer) {
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, false), false), TransactionStep::kReplace);
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, true, false), false), TransactionStep::kReplace);
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, true, false), false), TransactionStep::kReplace);
  EXPECT_EQ(step_after(error(RD_KAFKA_RESP_ERR__STATE, false, false), false), TransactionStep::kReplace);
}

TEST(TransactionSteps, AfterAnAbortTheCauseDecides) {
  EXPECT_EQ(code_after_abort(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID), StatusCode::kAborted) << "it may be our own echo";
  EXPECT_EQ(code_after_abort(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION), StatusCode::kAborted);
  EXPECT_EQ(code_after_abort(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID), StatusCode::kAborted);
  EXPECT_EQ(code_after_abort(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT), StatusCode::kAborted);
  EXPECT_EQ(code_after_abort(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH), StatusCode::kAborted);
  EXPECT_EQ(code_after_abort(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), StatusCode::kInvalidArgument);
  EXPECT_EQ(code_after_abort(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC), StatusCode::kInvalidArgument);
  EXPECT_EQ(code_after_abort(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tocsin::kafka
