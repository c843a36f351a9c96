#!/usr/bin/env bash
# Kafka's own topic command.
#   deploy/kafka/topics.sh --list | --describe | --create --topic NAME --partitions N [--bootstrap-server HOST:PORT] …
source "$(dirname "${BASH_SOURCE[0]}")/java.sh"
with_bootstrap "$@"
kafka_tool org.apache.kafka.tools.TopicCommand "${arguments[@]}"
