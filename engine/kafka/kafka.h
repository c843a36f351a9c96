#pragma once

// Kafka behind the ports of engine/log/log.h. The one header of this folder that others include, besides properties.h; librdkafka
// itself is not seen outside.
//
// Thread:   see engine/log/log.h. KafkaAdmin: one thread at a time.
// Lifetime: a RecordBatch may outlive its consumer; the options' functions and the listener may not die before it.
// Failure:  Status; the reaction to each error of librdkafka is in errors.h.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/status.h"
#include "engine/base/time.h"
#include "engine/kafka/properties.h"
#include "engine/log/log.h"

namespace tocsin::kafka {

class Client;

enum class Assignor { kRoundRobin, kRange };

struct ConsumerOptions {
  Properties user;                  // `kafka:` of the configuration
  std::string client_id;            // as it shows in logs and on the brokers
  std::string group;                // consumer group
  std::string member;               // a name that is stable over restarts and unique in the group
  std::vector<std::string> topics;  // names, no patterns
  Assignor assignor = Assignor::kRoundRobin;
  int64_t queue_bytes = 64 << 20;  // payload held ahead of poll(), all partitions together
  size_t batch_records_max = 1'000;
  bool read_content_type = true;    // false spares looking at headers
  Duration rewind_timeout{15'000};  // rewind() waits so long for transactions in doubt, then poll() goes on waiting
  Clock clock;
};

struct ProducerOptions {
  Properties user;
  std::string client_id;
  std::string transactional_id;     // stable over restarts, unique in the cluster
  std::vector<std::string> topics;  // that will be written: their metadata are fetched before the first transaction
  Duration transaction_timeout{10'000};
  Duration replace_timeout{30'000};  // for a new client to take over the transactional id
  std::stop_token stop;              // leaves off waiting; the outcome is then kUnavailable
};

struct ReaderOptions {
  Properties user;
  std::string client_id;
  std::string group;  // never joined; brokers with ACLs want a group that this user may read
  int64_t queue_bytes = 64 << 20;
  Duration progress_timeout{30'000};  // read() gives up after so long without a record or the end
  std::stop_token stop;
};

struct AdminOptions {
  Properties user;
  std::string client_id;
  Duration timeout{30'000};  // of each call
};

// Joins the group; partitions come with poll(). The listener is called on the caller's thread, within poll(), rewind() and close().
// If on_assigned() fails, poll() or rewind() returns its error, and the next poll() asks again.
// close() has to be called for an orderly end: without it the destructor leaves the group as a crash would.
// kInvalidArgument: the properties cannot be used.
Result<std::unique_ptr<log::GroupConsumer>> open_consumer(ConsumerOptions options, log::ConsumerListener& listener);

// Takes over the transactional id: a transaction that an earlier owner left open is aborted, the earlier owner is fenced.
// kUnavailable after replace_timeout.
// commit() has one answer more than log.h lists: kAborted, with nothing sent, if an earlier commit() could not yet take its id back
// (broker away for longer than replace_timeout) and only this one did: what was read meanwhile may have been committed after all.
Result<std::unique_ptr<log::TransactionalProducer>> open_producer(ProducerOptions options);

// bounds() waits, at most progress_timeout, until what had been written when it was called is decided: a commit is answered before its
// records become readable, and whoever compares committed offsets with records (restore) must not look in between.
// kNotFound from read(): the records were removed (retention) before they were read; kUnavailable: no progress in time.
Result<std::unique_ptr<log::PartitionReader>> open_reader(ReaderOptions options);

struct TopicSpec {
  std::string name;
  int32_t partitions = 1;
  int16_t replication_factor = 1;
  std::map<std::string, std::string> configs;
};

enum class Creation { kCreated, kExisted };

struct TopicDescription {
  std::string name;
  bool exists = false;
  int32_t partitions = 0;
  int32_t replication_factor = 0;              // of partition 0
  std::map<std::string, std::string> configs;  // all, with their defaults
};

// Makes and describes topics.
class KafkaAdmin {
 public:
  static Result<std::unique_ptr<KafkaAdmin>> open(AdminOptions options);
  ~KafkaAdmin();
  KafkaAdmin(const KafkaAdmin&) = delete;
  KafkaAdmin& operator=(const KafkaAdmin&) = delete;

  // Makes the topics and waits until the brokers show them. One that exists is left as it is.
  // In the order of `topics`; the first topic that can neither be made nor found gives the error.
  Result<std::vector<Creation>> create(const std::vector<TopicSpec>& topics);
  // In the order of `names`.
  Result<std::vector<TopicDescription>> describe(const std::vector<std::string>& names);

 private:
  KafkaAdmin(AdminOptions options, std::shared_ptr<Client> client);
  // Returns when all partitions of all topics have a leader.
  Status wait_until_visible(const std::vector<std::string>& names);
  Result<std::vector<Creation>> try_create(const std::vector<TopicSpec>& topics);
  Result<std::vector<TopicDescription>> try_describe(const std::vector<std::string>& names);
  // kInvalidArgument in place of kUnavailable if the brokers have refused the user or the password: waiting would not help.
  Status explained(const Status& failure);

  AdminOptions options_;
  std::shared_ptr<Client> client_;
  std::set<std::string> seen_;  // topics that exist, whatever a broker that does not know of them yet says
};

}  // namespace tocsin::kafka
