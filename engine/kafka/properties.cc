#include "engine/kafka/properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/kafka/conf.h"

namespace tocsin::kafka {
namespace {

using Entry = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kGroup = "group membership is made from `app` and `instance`";
constexpr std::string_view kOffsets = "offsets are committed within the transactions that carry the output";
constexpr std::string_view kCommitted = "only committed records may be read, or aborted work would be counted";
constexpr std::string_view kLost = "a lost range of the log has to be noticed and reported, not skipped";
constexpr std::string_view kTransaction = "output is written in transactions whose limits the engine keeps";
constexpr std::string_view kIdempotent = "output is written exactly once, which needs acks=all, idempotence and retries";
constexpr std::string_view kPlacement = "a row must always lie in the partition that its key gives";
constexpr std::string_view kMemory = "queues are sized from `memory`";
constexpr std::string_view kCallback = "the engine takes these calls itself";
constexpr std::string_view kCreate = "a misspelt topic would come into being; `tocsin topics --create` makes the topics";
constexpr std::string_view kPosition = "the engine follows positions by itself";
constexpr std::string_view kMock = "a mock cluster shows aborted records and forgets transactional offsets";

// Sorted by key. Aliases stand here too: librdkafka takes either name.
constexpr std::array kRefused = {
    Entry{"acks", kIdempotent},
    Entry{"allow.auto.create.topics", kCreate},
    Entry{"auto.commit.enable", kOffsets},
    Entry{"auto.commit.interval.ms", kOffsets},
    Entry{"auto.offset.reset", kLost},
    Entry{"background_event_cb", kCallback},
    Entry{"closesocket_cb", kCallback},
    Entry{"connect_cb", kCallback},
    Entry{"consume.callback.max.messages", kCallback},
    Entry{"consume_cb", kCallback},
    Entry{"default_topic_conf", kCallback},
    Entry{"delivery.report.only.error", kCallback},
    Entry{"delivery.timeout.ms", kTransaction},
    Entry{"dr_cb", kCallback},
    Entry{"dr_msg_cb", kCallback},
    Entry{"enable.auto.commit", kOffsets},
    Entry{"enable.auto.offset.store", kOffsets},
    Entry{"enable.gapless.guarantee", kIdempotent},
    Entry{"enable.idempotence", kIdempotent},
    Entry{"enable.partition.eof", kPosition},
    Entry{"enabled_events", kCallback},
    Entry{"error_cb", kCallback},
    Entry{"group.id", kGroup},
    Entry{"group.instance.id", kGroup},
    Entry{"group.protocol", kGroup},
    Entry{"group.protocol.type", kGroup},
    Entry{"group.remote.assignor", kGroup},
    Entry{"interceptors", kCallback},
    Entry{"isolation.level", kCommitted},
    Entry{"log.queue", kCallback},
    Entry{"log_cb", kCallback},
    Entry{"message.send.max.retries", kIdempotent},
    Entry{"message.timeout.ms", kTransaction},
    Entry{"msg_order_cmp", kPlacement},
    Entry{"oauthbearer_token_refresh_cb", kCallback},
    Entry{"offset.store.method", kOffsets},
    Entry{"offset.store.path", kOffsets},
    Entry{"offset.store.sync.interval.ms", kOffsets},
    Entry{"offset_commit_cb", kCallback},
    Entry{"opaque", kCallback},
    Entry{"open_cb", kCallback},
    Entry{"partition.assignment.strategy", kGroup},
    Entry{"partitioner", kPlacement},
    Entry{"partitioner_cb", kPlacement},
    Entry{"produce.offset.report", kCallback},
    Entry{"queued.max.messages.kbytes", kMemory},
    Entry{"queuing.strategy", kPlacement},
    Entry{"rebalance_cb", kCallback},
    Entry{"request.required.acks", kIdempotent},
    Entry{"resolve_cb", kCallback},
    Entry{"retries", kIdempotent},
    Entry{"socket_cb", kCallback},
    Entry{"ssl.certificate.verify_cb", kCallback},
    Entry{"ssl_engine_callback_data", kCallback},
    Entry{"stats_cb", kCallback},
    Entry{"throttle_cb", kCallback},
    Entry{"topic.metadata.propagation.max.ms", kTransaction},
    Entry{"transaction.timeout.ms", kTransaction},
    Entry{"transactional.id", kTransaction},
};
static_assert(std::is_sorted(kRefused.begin(), kRefused.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; }));

bool has_part(std::string_view key, std::string_view part) { return key.find(part) != std::string_view::npos; }

}  // namespace

std::string_view refusal(std::string_view key) {
  if (key.starts_with("test.mock.")) return kMock;
  const auto* found = std::lower_bound(kRefused.begin(), kRefused.end(), key,
                                       [](const Entry& entry, std::string_view wanted) { return entry.first < wanted; });
  return found != kRefused.end() && found->first == key ? found->second : std::string_view();
}

bool is_secret(std::string_view key) {
  // By name and rather too many than too few: a property added by a later librdkafka is likelier to be caught so than by a list.
  for (const std::string_view part : {"password", "passphrase", "secret", "token", ".pem", "ssl_key", "ssl_ca", "ssl_certificate",
                                      "oauthbearer.config", "oauthbearer.extensions", "sasl.username", "jwt"}) {
    if (has_part(key, part)) return !has_part(key, ".url");
  }
  return false;
}

Status check_properties(const Properties& user) {
  if (!user.contains("bootstrap.servers") && !user.contains("metadata.broker.list")) {
    return invalid_argument("kafka: bootstrap.servers is missing; name at least one broker as host:port");
  }
  for (const auto& [key, value] : user) {
    if (const std::string_view reason = refusal(key); !reason.empty()) {
      return invalid_argument(fmt::format("kafka: {} cannot be set: {}; remove the line", key, reason));
    }
  }
  return make_conf({}, user, {}).status();
}

}  // namespace tocsin::kafka
