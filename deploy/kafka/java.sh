# Sourced by the scripts beside it: runs classes of the Kafka distribution that ./dev setup has fetched.
source "$(dirname "${BASH_SOURCE[0]}")/../setup/common.sh"

kafka_here=$repo/deploy/kafka
kafka_libs=$deps/kafka/libs
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

need_kafka() {
  [ -d "$kafka_libs" ] || fail "Kafka is not in $kafka_libs." "Run ./dev setup first."
  command -v "$java" >/dev/null || fail "There is no Java ('$java')." "Run ./dev setup first, or set JAVA_HOME."
}

# kafka_tool CLASS args...: takes the place of this process. The client compiler alone starts a short-lived JVM fastest.
kafka_tool() {
  need_kafka
  exec "$java" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dtocsin.kafka.log.level=WARN -Dtocsin.kafka.log.target=SYSTEM_ERR \
    "-Dlog4j2.configurationFile=$kafka_here/log4j2.properties" -cp "$kafka_libs/*" "$@"
}

# with_bootstrap args...: sets `arguments` to them, with --bootstrap-server of the broker of ./dev kafka where they name none.
with_bootstrap() {
  local argument
  arguments=("$@")
  for argument in "$@"; do
    case $argument in --bootstrap-server | --bootstrap-server=* | --help | --version) return ;; esac
  done
  [ -s "$repo/.kafka/bootstrap" ] || fail "Which broker? There is none of ours at $repo/.kafka." \
    "Say --bootstrap-server HOST:PORT, or start one with ./dev kafka start."
  arguments+=(--bootstrap-server "$(cat "$repo/.kafka/bootstrap")")
}
