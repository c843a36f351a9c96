// The Kafka adapter while the broker dies and comes back, in the middle of transactions.

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "tests/integration/kafka_harness.h"

namespace tocsin::kafka::test {
namespace {

constexpr int kRecords = 1'500;

// A heartbeat is on its way whenever the broker stops. After 6 s it is given up and, 3 s later, sent again as it was: with the member id of
// before, while the consumer has long joined anew.
const Properties kLateHeartbeats = {{"heartbeat.interval.ms", "200"}, {"retry.backoff.ms", "3000"}, {"retry.backoff.max.ms", "3000"}};

// What a worker does, without its work: copies records, each batch and its offsets in one transaction.
class Copier {
 public:
  Copier(std::string group, const std::string& input, std::string output, const Properties& more = {})
      : member_(std::move(group), "m0", {input}), output_(std::move(output)) {
    member_.options.user.insert(more.begin(), more.end());
    member_.options.batch_records_max = 10;
    member_.join();
    producer_ = make_producer("copier-" + output_, {output_}, Duration{4'000});
  }

  // One round. Counts what it met on the way.
  Status step() {
    std::this_thread::sleep_for(pace);
    const size_t before = member_.seen.size();
    Status polled = member_.poll_once();
    if (!polled.ok()) return polled;
    if (member_.seen.size() == before) return {};
    log::Transaction transaction = member_.progress();
    for (size_t i = before; i < member_.seen.size(); ++i) transaction.records.push_back(out(output_, 0, "k", member_.seen[i].second));
    const auto receipt = producer_->commit(std::move(transaction));
    if (receipt.ok()) {
      ++committed;
      return {};
    }
    if (receipt.status().code() == StatusCode::kUnavailable) ++unknown;
    if (receipt.status().code() == StatusCode::kAborted) ++aborted;
    if (receipt.status().code() != StatusCode::kUnavailable && receipt.status().code() != StatusCode::kAborted) return receipt.status();
    return member_.consumer->rewind();
  }

  bool at_end(int64_t end) const { return !member_.given.empty() && member_.consumer->position(member_.given.front().source) == end; }

  std::chrono::milliseconds pace{0};  // before each round
  int committed = 0;
  int unknown = 0;
  int aborted = 0;

 private:
  Member member_;
  std::string output_;
  std::unique_ptr<log::TransactionalProducer> producer_;
};

// What is done to the broker meanwhile.
class Chaos {
 public:
  explicit Chaos(std::function<void()> acts)
      : thread_([this, acts = std::move(acts)] {
          acts();
          over_ = true;
        }) {}
  bool over() const { return over_; }

 private:
  std::atomic<bool> over_ = false;
  std::jthread thread_;
};

// To the end, which is to be reached within three minutes of the last act. Before it nobody can say how long a broker takes to start.
void run_to(Copier& copier, int64_t end, const Chaos& chaos) {
  const auto limit = std::chrono::seconds(180);
  auto deadline = std::chrono::steady_clock::now() + limit;
  while (!copier.at_end(end) || !chaos.over()) {
    if (!chaos.over()) deadline = std::chrono::steady_clock::now() + limit;
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the copier does not reach the end: " << copier.committed << " committed, "
                                                          << copier.unknown << " of unknown outcome, " << copier.aborted << " aborted";
    const Status status = copier.step();
    ASSERT_TRUE(status.ok() || status.code() == StatusCode::kUnavailable) << status.message();
  }
}

void expect_each_once(const std::string& output) {
  const std::vector<std::string> values = values_of({output, 0});
  EXPECT_EQ(values.size(), static_cast<size_t>(kRecords));
  int expected = 0;
  for (const std::string& value : values) {
    if (value != std::to_string(expected)) {
      ADD_FAILURE() << "record " << expected << " is " << value;
      return;
    }
    ++expected;
  }
}

TEST(KafkaOutage, ABrokerKilledAmidTransactionsCostsNoRecordAndDoublesNone) {
  const std::string input = make_topic("input", 1);
  const std::string output = make_topic("output", 1);
  fill(input, 0, kRecords);
  Copier copier(unique("group"), input, output);
  const Chaos chaos([] {
    for (int i = 0; i < 2; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
      broker().kill();
      // Once for less than the transaction's time-out, once for more.
      std::this_thread::sleep_for(std::chrono::milliseconds(i == 0 ? 0 : 5'000));
      broker().start();
    }
  });
  ASSERT_NO_FATAL_FAILURE(run_to(copier, kRecords + 1, chaos));
  std::cerr << copier.committed << " committed, " << copier.unknown << " of unknown outcome, " << copier.aborted << " aborted\n";
  expect_each_once(output);
}

TEST(KafkaOutage, ABrokerThatStandsStillForLongerThanASessionStopsNobody) {
  const std::string input = make_topic("input", 1);
  const std::string output = make_topic("output", 1);
  fill(input, 0, kRecords);
  Copier copier(unique("group"), input, output, kLateHeartbeats);
  copier.pace = std::chrono::milliseconds(100);  // at work all the time
  const Chaos chaos([] {
    for (const int working_ms : {1'500, 4'500, 700, 4'500}) {
      std::this_thread::sleep_for(std::chrono::milliseconds(working_ms));
      broker().pause();
      std::this_thread::sleep_for(std::chrono::milliseconds(7'500));
      broker().resume();
    }
  });
  ASSERT_NO_FATAL_FAILURE(run_to(copier, kRecords + 1, chaos));
  std::cerr << copier.committed << " committed, " << copier.unknown << " of unknown outcome, " << copier.aborted << " aborted\n";
  expect_each_once(output);
}

TEST(KafkaOutage, AMemberWhoseSessionEndedIsFencedByWhatMayBeItsOwnEcho) {
  const std::string input = make_topic("input", 1);
  fill(input, 0, 5);
  const std::string group = unique("group");
  Member member(group, "m0", {input});
  member.join();
  ASSERT_TRUE(member.poll_until_seen(5).ok());
  // Fenced twice, by what leaves no more of a trace than a late heartbeat would: the second time after its session had ended.
  for (const bool session_ends : {false, true}) {
    if (session_ends) {
      std::thread chaos([] {
        broker().pause();
        std::this_thread::sleep_for(std::chrono::milliseconds(7'500));
        broker().resume();
      });
      member.notes.clear();
      const Status rejoined = member.poll_until([&] { return !member.notes.empty() && member.notes.back() == "assigned 1"; });
      chaos.join();
      ASSERT_TRUE(rejoined.ok()) << rejoined.message();
    }
    auto twin = std::make_unique<Member>(group, "m0", std::vector<std::string>{input});
    twin->join();
    ASSERT_TRUE(twin->poll_until_assigned().ok());
    twin->crash();
    member.notes.clear();
    const Status status = member.poll_until([&] { return !member.notes.empty() && member.notes.back() == "assigned 1"; });
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_THAT(member.notes, testing::ElementsAre("lost 1", "assigned 1"));
  }
  const auto producer = make_producer(unique("producer"), {});
  const auto committed = producer->commit(member.progress());
  EXPECT_TRUE(committed.ok()) << committed.status().message();
}

// A broker whose own session has ended answers questions about topics with a list of no brokers at all, and librdkafka forgets those it
// knew. With this strategy it never looks for them by itself; without it, mostly.
TEST(KafkaOutage, ClientsLookForTheBrokersAgainAfterAnAnswerThatListsNone) {
  const Properties never_again = {{"metadata.recovery.strategy", "none"}, {"topic.metadata.refresh.interval.ms", "100"}};
  const std::string input = make_topic("input", 1);
  fill(input, 0, 5);
  Member member(unique("group"), "m0", {input});
  member.options.user.insert(never_again.begin(), never_again.end());
  member.join();
  ASSERT_TRUE(member.poll_until_seen(5).ok());
  ReaderOptions options{.user = user_properties(), .client_id = "test-reader", .group = {}, .stop = {}};
  options.user.insert(never_again.begin(), never_again.end());
  const auto reader = must(open_reader(std::move(options)));
  const auto ask = [&] { return reader->bounds({input, 0}).status(); };
  ASSERT_TRUE(ask().ok());
  const Chaos chaos([] {
    for (const int working_ms : {0, 3'000}) {
      std::this_thread::sleep_for(std::chrono::milliseconds(working_ms));
      broker().pause();
      std::this_thread::sleep_for(std::chrono::milliseconds(7'500));
      broker().resume();
    }
  });
  std::thread asking([&] {
    while (!chaos.over()) std::ignore = ask();
  });
  const Status status = member.poll_until([&] { return chaos.over(); });
  asking.join();
  ASSERT_TRUE(status.ok()) << status.message();
  fill(input, 0, 5, 5);
  EXPECT_TRUE(member.poll_until([&] { return member.seen.back().second == "9"; }).ok());
  Status answered = ask();
  if (!answered.ok()) answered = ask();  // the first may be the one that has to notice
  EXPECT_TRUE(answered.ok()) << answered.message();
}

TEST(KafkaOutage, WithoutABrokerPollAndCommitEndAndSayWhy) {
  const std::string input = make_topic("input", 1);
  const std::string output = make_topic("output", 1);
  fill(input, 0, 1);
  Member member(unique("group"), "m0", {input});
  member.join();
  ASSERT_TRUE(member.poll_until_seen(1).ok());
  ProducerOptions options;
  options.user = user_properties();
  options.client_id = options.transactional_id = unique("producer");
  options.topics = {output};
  options.transaction_timeout = Duration{2'000};
  options.replace_timeout = Duration{1'000};
  const auto producer = must(open_producer(options));
  broker().kill();
  log::Transaction lost = member.progress();
  lost.records.push_back(out(output, 0, "k", "lost"));
  const auto unknown = producer->commit(std::move(lost));
  EXPECT_EQ(unknown.status().code(), StatusCode::kUnavailable) << unknown.status().message();
  EXPECT_EQ(producer->commit(transaction_of({out(output, 0, "k", "lost")})).status().code(), StatusCode::kUnavailable);
  Status reported;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (reported.ok() && std::chrono::steady_clock::now() < deadline) reported = member.poll_once();
  EXPECT_EQ(reported.code(), StatusCode::kUnavailable);
  EXPECT_NE(reported.message(), "");
  broker().start();
  // The id is taken back now, but what was read in the meantime rests on offsets that could still have changed.
  Status first;
  for (int i = 0; i < 20 && first.code() != StatusCode::kAborted; ++i) {
    first = producer->commit(transaction_of({out(output, 0, "k", "early")})).status();
    ASSERT_FALSE(first.ok());
  }
  EXPECT_EQ(first.code(), StatusCode::kAborted) << first.message();
  EXPECT_TRUE(producer->commit(transaction_of({out(output, 0, "k", "after")})).ok());
  EXPECT_THAT(values_of({output, 0}), testing::ElementsAre("after"));
}

}  // namespace
}  // namespace tocsin::kafka::test
