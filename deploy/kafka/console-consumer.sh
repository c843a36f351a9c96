#!/usr/bin/env bash
# Kafka's own console consumer, reading committed transactions only: what a notification service sees of an alert topic.
#   deploy/kafka/console-consumer.sh --topic tocsin.alerts --from-beginning [--bootstrap-server HOST:PORT] [any option of Kafka's]
source "$(dirname "${BASH_SOURCE[0]}")/java.sh"
with_bootstrap "$@"
kafka_tool org.apache.kafka.tools.consumer.ConsoleConsumer --isolation-level read_committed "${arguments[@]}"
