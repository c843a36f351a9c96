#pragma once

// Owners of librdkafka's C objects: each is destroyed by the function that librdkafka names for it.
//
// Lifetime: rd_kafka_destroy() waits for ever for a message, queue, topic or event that is still held, so every object below must
//           go before its client. Client (client.h) is shared by those who hold such objects; no other order has to be kept.

#include <librdkafka/rdkafka.h>

#include <memory>

namespace tocsin::kafka {

template <auto destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};

template <typename T, auto destroy>
using Handle = std::unique_ptr<T, Destroyer<destroy>>;

using ConfHandle = Handle<rd_kafka_conf_t, &rd_kafka_conf_destroy>;
using ErrorHandle = Handle<rd_kafka_error_t, &rd_kafka_error_destroy>;
using EventHandle = Handle<rd_kafka_event_t, &rd_kafka_event_destroy>;
using MessageHandle = Handle<rd_kafka_message_t, &rd_kafka_message_destroy>;
using QueueHandle = Handle<rd_kafka_queue_t, &rd_kafka_queue_destroy>;
using TopicHandle = Handle<rd_kafka_topic_t, &rd_kafka_topic_destroy>;
using PartitionListHandle = Handle<rd_kafka_topic_partition_list_t, &rd_kafka_topic_partition_list_destroy>;
using GroupMetadataHandle = Handle<rd_kafka_consumer_group_metadata_t, &rd_kafka_consumer_group_metadata_destroy>;
using MetadataHandle = Handle<const rd_kafka_metadata_t, &rd_kafka_metadata_destroy>;
using AdminOptionsHandle = Handle<rd_kafka_AdminOptions_t, &rd_kafka_AdminOptions_destroy>;
using NewTopicHandle = Handle<rd_kafka_NewTopic_t, &rd_kafka_NewTopic_destroy>;
using ConfigResourceHandle = Handle<rd_kafka_ConfigResource_t, &rd_kafka_ConfigResource_destroy>;

inline PartitionListHandle make_partition_list(size_t capacity) {
  return PartitionListHandle(rd_kafka_topic_partition_list_new(static_cast<int>(capacity)));
}

}  // namespace tocsin::kafka
