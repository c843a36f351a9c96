#pragma once

// One librdkafka client with its callbacks. The callbacks only record; those who poll act on the record afterwards, so nothing of
// the engine runs inside librdkafka, half way through a batch of messages.
//
// Thread:     get() any; events belong to the one thread that polls this client.
// Lifetime:   shared: whoever keeps a message, a queue or a topic of the client keeps the client, too.
// Invariants: (1) the callbacks' memory lives exactly as long as the client; (2) destruction never joins in group protocol: leaving
//             in good order is KafkaConsumer::close().

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/status.h"
#include "engine/base/time.h"
#include "engine/kafka/conf.h"
#include "engine/kafka/handles.h"

namespace tocsin::kafka {

struct RebalanceEvent {
  bool assign = false;  // else revoke
  bool lost = false;    // revoke: somebody else may own the partitions already
  PartitionListHandle partitions;
};

// Takes delivery reports.
class DeliverySink {
 public:
  virtual ~DeliverySink() = default;
  virtual void delivered(const rd_kafka_message_t& message) = 0;
};

struct ClientEvents {
  std::deque<RebalanceEvent> rebalances;
  bool closing = false;         // rebalances are answered at once, without a record
  std::optional<Status> error;  // the newest one that concerns no partition
  // kInvalidArgument, once the brokers have refused the user or the password. Only who has just started gives up for it: to a client that
  // was at work a broker that goes down may say the same.
  std::optional<Status> refused;
  DeliverySink* deliveries = nullptr;
};

class Client {
 public:
  // Fails with kInvalidArgument if librdkafka refuses the configuration as a whole.
  static Result<std::shared_ptr<Client>> open(rd_kafka_type_t type, ConfHandle conf);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* get() const { return client_; }
  ClientEvents& events() { return events_; }
  // kFenced and the like, once librdkafka has declared the client dead; else ok.
  Status fatal_error() const;
  // What the group calls this consumer; "" while it is no member: it has not joined yet, or its session has ended. Asks librdkafka's
  // main thread.
  std::string member_id() const;
  // Of the group, as configured.
  Duration session_timeout() const;

 private:
  Client() = default;
  rd_kafka_t* client_ = nullptr;
  ClientEvents events_;
};

// Names the bootstrap servers to librdkafka again; for a client that has heard of no broker for seconds. When an answer lists topics but
// no brokers, as that of a broker does whose own session has just ended, librdkafka (2.10 and later, issue 5301) drops all it knows;
// the rest of that answer may then cancel the start from the bootstrap servers that this begins, and no other ever begins. A needless
// call costs a few bytes, which librdkafka keeps.
void look_for_brokers(rd_kafka_t* client);

// What all clients share: the connection's properties over defaults for low latency.
Properties common_defaults(const std::string& client_id);

// The value of queued.max.messages.kbytes for a queue of so many bytes.
std::string queue_kbytes(int64_t bytes);

// A topic of this client; kept, its metadata stay fresh. kInvalidArgument for a name that is none.
Result<TopicHandle> open_topic(const Client& client, const std::string& name);

struct TopicMetadata {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  int32_t partitions = 0;
  int32_t leaders = 0;  // partitions that have one
  int32_t replication_factor = 0;
};

// Asks the brokers about one topic; at most timeout_ms.
Result<TopicMetadata> fetch_metadata(const Client& client, rd_kafka_topic_t* topic, int timeout_ms);

}  // namespace tocsin::kafka
