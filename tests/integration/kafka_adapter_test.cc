// The Kafka adapter on a real broker: positions, records, topics. Transactions, groups and outages have files of their own.

#include "tests/integration/kafka_harness.h"

namespace tocsin::kafka::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Le;
using testing::SizeIs;

void delete_records_before(const TopicPartition& partition, int64_t offset) {
  const auto client = raw_producer({});
  const PartitionListHandle list = make_partition_list(1);
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset = offset;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
  const QueueHandle queue(rd_kafka_queue_new(client->get()));
  rd_kafka_DeleteRecords(client->get(), &request, 1, nullptr, queue.get());
  const EventHandle event(rd_kafka_queue_poll(queue.get(), 10'000));
  rd_kafka_DeleteRecords_destroy(request);
  ASSERT_NE(event, nullptr);
  ASSERT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
}

TEST(KafkaAdapter, ThePositionGoesPastMarkersAndAbortedRecordsToTheEnd) {
  const std::string input = make_topic("input", 1);
  const TopicPartition partition{input, 0};
  fill(input, 0, 3);
  const auto producer = make_producer(unique("producer"), {input});
  const std::vector<log::OutRecord> doomed(4, out(input, 0, "k", "doomed"));
  log::OffsetCommit too_large;
  too_large.partition = partition;
  Member member(unique("group"), "m0", {input});
  member.join();
  ASSERT_TRUE(member.poll_until_seen(3).ok());
  too_large.metadata = std::string(5'000, 'm');
  log::Transaction transaction = transaction_of(doomed);
  transaction.offsets = {too_large};
  transaction.group = member.consumer->group_metadata();
  ASSERT_FALSE(producer->commit(std::move(transaction)).ok());

  const int32_t source = member.given.at(0).source;
  const int64_t end = must(make_reader()->bounds(partition)).second;
  ASSERT_GT(end, 4) << "the aborted records and their marker lie in the log";
  ASSERT_TRUE(member.poll_until([&] { return member.consumer->position(source) == end; }).ok());
  EXPECT_THAT(member.seen, SizeIs(3));

  // After a rewind to where nothing but aborted records and markers follow, the position comes from them alone.
  const auto committer = make_producer(unique("producer"), {});
  log::Transaction progress = member.progress();
  progress.offsets[0].offset = 3;
  ASSERT_TRUE(committer->commit(std::move(progress)).ok());
  ASSERT_TRUE(member.consumer->rewind().ok());
  EXPECT_EQ(member.consumer->position(source), 3);
  ASSERT_TRUE(member.poll_until([&] { return member.consumer->position(source) == end; }).ok());
  EXPECT_THAT(member.seen, SizeIs(3));
  EXPECT_THAT(values_of(partition), ElementsAre("0", "1", "2")) << "the reader ends, too, where only a marker is left";
}

TEST(KafkaAdapter, AProbeTellsTheReadableEndAndWhenItWasAsked) {
  const std::string input = make_topic("input", 2);
  fill(input, 0, 5);
  Member member(unique("group"), "m0", {input});
  member.join();
  ASSERT_TRUE(member.poll_until_seen(5).ok());
  const WallTime before = wall_now();
  for (const log::Assignment& assignment : member.given) member.consumer->probe_end(assignment.source);
  ASSERT_TRUE(member.poll_until([&] { return member.ends.size() == 2; }).ok());
  for (const auto& [source, answer] : member.ends) {
    const bool filled = member.consumer->sources()[static_cast<size_t>(source)].partition == 0;
    EXPECT_EQ(answer.first, filled ? 6 : 0);
    EXPECT_EQ(answer.first, member.consumer->position(source));
    EXPECT_THAT(answer.second, AllOf(testing::Ge(before), Le(wall_now())));
  }
}

TEST(KafkaAdapter, AProbeSeesNoFurtherThanAnOpenTransaction) {
  const std::string input = make_topic("input", 1);
  fill(input, 0, 5);
  Member member(unique("group"), "m0", {input});
  member.join();
  ASSERT_TRUE(member.poll_until_seen(5).ok());
  const auto open = raw_producer({{"transactional.id", unique("open")}});
  ASSERT_EQ(rd_kafka_init_transactions(open->get(), 10'000), nullptr);
  ASSERT_EQ(rd_kafka_begin_transaction(open->get()), nullptr);
  char value[] = "uncommitted";
  ASSERT_EQ(
      rd_kafka_producev(open->get(), RD_KAFKA_V_TOPIC(input.c_str()), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(value, 11), RD_KAFKA_V_END),
      RD_KAFKA_RESP_ERR_NO_ERROR);
  ASSERT_EQ(rd_kafka_flush(open->get(), 10'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  member.consumer->probe_end(0);
  ASSERT_TRUE(member.poll_until([&] { return !member.ends.empty(); }).ok());
  EXPECT_EQ(member.ends[0].first, 6);
  EXPECT_THAT(member.seen, SizeIs(5));
  // Neither does the reader, which rather waits than tell an end that a commit may just have moved.
  const auto impatient =
      must(open_reader({.user = user_properties(), .client_id = "impatient", .group = {}, .progress_timeout = Duration{200}, .stop = {}}));
  EXPECT_EQ(impatient->bounds({input, 0}).status().code(), StatusCode::kUnavailable);
  ASSERT_EQ(rd_kafka_abort_transaction(open->get(), 10'000), nullptr);
}

TEST(KafkaAdapter, ALostRangeIsReportedAndReadingGoesOnBehindIt) {
  const std::string input = make_topic("input", 2);
  fill(input, 0, 20);
  fill(input, 1, 3, 100);
  delete_records_before({input, 0}, 10);
  Member member(unique("group"), "m0", {input});
  member.start = {.kind = Member::Kind::kOffset, .value = 3};
  member.join();
  ASSERT_TRUE(member.poll_until_seen(10).ok());
  const int32_t source = member.consumer->sources()[0].partition == 0 ? 0 : 1;
  EXPECT_THAT(member.notes, ElementsAre("assigned 2", "range " + std::to_string(source) + " 3-10"));
  EXPECT_THAT(member.values_seen(), testing::ElementsAreArray(numbers(10, 20)));
}

TEST(KafkaAdapter, APositionBeyondTheEndIsDataLossWithAWayOut) {
  const std::string input = make_topic("input", 1);
  fill(input, 0, 5);
  Member member(unique("group"), "m0", {input});
  member.start = {.kind = Member::Kind::kOffset, .value = 1'000};
  member.join();
  const Status status = member.poll_until([] { return false; });
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.message();
  EXPECT_THAT(status.message(), AllOf(HasSubstr(input + "/0"), HasSubstr("1000"), HasSubstr("another `app` name")));
  EXPECT_EQ(member.poll_once().code(), StatusCode::kDataLoss) << "it stays so";
  member.start = {.kind = Member::Kind::kEarliest, .value = 0};
  ASSERT_TRUE(member.consumer->rewind().ok());
  EXPECT_TRUE(member.poll_until_seen(5).ok());
}

TEST(KafkaAdapter, AStartIsANumberBeforeTheFirstRecordComes) {
  const std::string input = make_topic("input", 1);
  fill(input, 0, 5);
  {
    Member member(unique("group"), "m0", {input});
    member.start = {.kind = Member::Kind::kLatest, .value = 0};
    member.join();
    ASSERT_TRUE(member.poll_until_assigned().ok());
    EXPECT_EQ(member.consumer->position(0), 6);
    fill(input, 0, 2, 50);
    ASSERT_TRUE(member.poll_until_seen(2).ok());
    EXPECT_THAT(member.values_seen(), ElementsAre("50", "51"));
  }
  const WallTime between = wall_now() + Duration{5};
  while (wall_now() < between) {}
  fill(input, 0, 1, 60);
  for (const auto& [time_ms, expected] : {std::pair<int64_t, size_t>{between.ms, 1}, {0, 8}, {-5, 8}, {wall_now().ms + 60'000, 0}}) {
    Member member(unique("group"), "m0", {input});
    member.start = {.kind = Member::Kind::kTime, .value = time_ms};
    member.join();
    ASSERT_TRUE(member.poll_until([&] { return !member.given.empty() && member.consumer->position(0) == 11; }).ok());
    EXPECT_THAT(member.seen, SizeIs(expected)) << time_ms;
  }
}

TEST(KafkaAdapter, ARecordComesWithKeyTimeAndContentType) {
  const std::string input = make_topic("input", 1, {{"message.timestamp.type", "LogAppendTime"}});
  log::OutRecord full = out(input, 0, "key", "value");
  full.headers = {{"x", "y"}, {"content-type", "application/json"}};
  log::OutRecord tombstone = out(input, 0, "gone", "");
  tombstone.value.reset();
  log::OutRecord empty = out(input, 0, "empty", "");
  const WallTime before = wall_now();
  ASSERT_TRUE(make_producer(unique("producer"), {input})->commit(transaction_of({full, tombstone, empty})).ok());
  Member member(unique("group"), "m0", {input});
  member.join();
  log::RecordBatch batch;
  while (batch.records.empty()) ASSERT_TRUE(member.consumer->poll(Duration{100}, batch).ok());
  ASSERT_THAT(batch.records, SizeIs(3));
  EXPECT_EQ(batch.records[0].key, "key");
  EXPECT_EQ(batch.records[0].value, "value");
  EXPECT_EQ(batch.records[0].content_type, "application/json");
  EXPECT_TRUE(batch.records[0].log_append_time);
  EXPECT_GE(batch.records[0].timestamp_ms, before.ms);
  EXPECT_EQ(batch.records[1].content_type, "");
  EXPECT_FALSE(batch.records[1].has_value);
  EXPECT_TRUE(batch.records[2].has_value);
  EXPECT_EQ(batch.records[2].value, "");
  // A batch may outlive its consumer.
  member.crash();
  EXPECT_EQ(batch.records[0].value, "value");
}

TEST(KafkaAdapter, APausedPartitionIsNotReadUntilItIsResumed) {
  const std::string input = make_topic("input", 2);
  Member member(unique("group"), "m0", {input});
  member.join();
  ASSERT_TRUE(member.poll_until_assigned().ok());
  const int32_t paused = member.given.at(0).source;
  member.consumer->pause(paused);
  fill(input, 0, 5);
  fill(input, 1, 5);
  ASSERT_TRUE(member.poll_until_seen(5).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(member.poll_once().ok());
  EXPECT_THAT(member.seen, SizeIs(5));
  EXPECT_EQ(member.consumer->position(paused), 0);
  member.consumer->resume(paused);
  EXPECT_TRUE(member.poll_until_seen(10).ok());
  // A pause does not outlive a rewind: what is read then is decided anew.
  member.consumer->pause(paused);
  ASSERT_TRUE(member.consumer->rewind().ok());
  EXPECT_TRUE(member.poll_until_seen(20).ok());
}

TEST(KafkaAdapter, TopicsAreMadeOnceAndDescribed) {
  const auto admin = must(KafkaAdmin::open({.user = user_properties(), .client_id = "admin"}));
  const std::string name = unique("made");
  const TopicSpec spec{.name = name, .partitions = 3, .replication_factor = 1, .configs = {{"cleanup.policy", "compact"}}};
  EXPECT_THAT(must(admin->create({spec})), ElementsAre(Creation::kCreated));
  EXPECT_THAT(must(admin->create({spec})), ElementsAre(Creation::kExisted));
  const auto described = must(admin->describe({name, "no-such-topic"}));
  EXPECT_TRUE(described[0].exists);
  EXPECT_EQ(described[0].partitions, 3);
  EXPECT_EQ(described[0].replication_factor, 1);
  EXPECT_EQ(described[0].configs.at("cleanup.policy"), "compact");
  EXPECT_FALSE(described[1].exists);
  const auto refused = admin->create({{.name = unique("bad"), .partitions = 1, .replication_factor = 7, .configs = {}}});
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument) << refused.status().message();
  const auto bad_config =
      admin->create({{.name = unique("bad"), .partitions = 1, .replication_factor = 1, .configs = {{"cleanup.policy", "x"}}}});
  EXPECT_EQ(bad_config.status().code(), StatusCode::kInvalidArgument) << bad_config.status().message();

  Member member(unique("group"), "m0", {name});
  member.join();
  EXPECT_THAT(must(member.consumer->partition_counts()), ElementsAre(std::pair<std::string, int32_t>(name, 3)));
}

TEST(KafkaAdapter, AMissingInputTopicIsReportedAndWaitedFor) {
  const std::string name = unique("later");
  Member member(unique("group"), "m0", {name});
  member.options.user["topic.metadata.refresh.interval.ms"] = "500";
  member.join();
  Status reported;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
  while (reported.ok() && std::chrono::steady_clock::now() < deadline) reported = member.poll_once();
  EXPECT_EQ(reported.code(), StatusCode::kUnavailable);
  EXPECT_THAT(reported.message(), AllOf(HasSubstr(name), HasSubstr("check the topic's name")));
  EXPECT_EQ(member.consumer->partition_counts().status().code(), StatusCode::kNotFound);
  const auto admin = must(KafkaAdmin::open({.user = user_properties(), .client_id = "admin"}));
  must(admin->create({{.name = name, .partitions = 1, .replication_factor = 1, .configs = {}}}));
  EXPECT_TRUE(member.poll_until_assigned().ok());
}

TEST(KafkaAdapter, AReaderStopsWithItsVisitorAndSaysWhatRetentionTook) {
  const std::string input = make_topic("input", 1);
  fill(input, 0, 20);
  struct Stopper final : log::PartitionReader::Visitor {
    int count = 0;
    Status record(const log::Record& record) override {
      ++count;
      return record.offset == 7 ? data_loss("enough") : Status();
    }
  } stopper;
  const auto reader = make_reader();
  EXPECT_EQ(reader->read({input, 0}, 2, 20, stopper).message(), "enough");
  EXPECT_EQ(stopper.count, 6);
  stopper.count = 0;
  EXPECT_TRUE(reader->read({input, 0}, 0, 5, stopper).ok());
  EXPECT_EQ(stopper.count, 5);
  delete_records_before({input, 0}, 10);
  EXPECT_EQ(must(reader->bounds({input, 0})), (std::pair<int64_t, int64_t>{10, 21}));
  EXPECT_EQ(reader->read({input, 0}, 2, 20, stopper).code(), StatusCode::kNotFound);
}

TEST(KafkaAdapter, AReaderStopsBetweenRecordsWhenTheProcessEnds) {
  const std::string input = make_topic("input", 1);
  fill(input, 0, 20);
  std::stop_source stop;
  struct Ender final : log::PartitionReader::Visitor {
    explicit Ender(std::stop_source& source) : stop(source) {}
    Status record(const log::Record& record) override {
      ++count;
      if (record.offset == 3) stop.request_stop();
      return {};
    }
    std::stop_source& stop;
    int count = 0;
  } ender(stop);
  const auto reader = must(open_reader({.user = user_properties(), .client_id = "ending", .group = {}, .stop = stop.get_token()}));
  EXPECT_EQ(reader->read({input, 0}, 0, 20, ender).code(), StatusCode::kUnavailable);
  EXPECT_EQ(ender.count, 4);
}

}  // namespace
}  // namespace tocsin::kafka::test
