#!/usr/bin/env bash
# Fetches the jars of the Kafka broker and its tools, as pinned in deploy/kafka/pom.xml, with the machine's own Maven configuration.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

pom=$repo/deploy/kafka/pom.xml
libs=$deps/kafka/libs

fetch() {
  rm -rf "$libs.new"
  logged kafka "Check the network and Maven's settings (~/.m2/settings.xml: mirrors, proxies), then run ./dev setup again." \
    mvn --batch-mode --strict-checksums -f "$pom" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$libs.new"
  rm -rf "$libs"
  mv "$libs.new" "$libs"
}

main() {
  local key began=$SECONDS version
  key="$(sha256sum <"$pom") in $libs"
  if stamped kafka "$key" && [ -d "$libs" ]; then return; fi
  version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$pom")
  mkdir -p "$deps/kafka"
  start_log kafka
  say "kafka: fetching Apache Kafka $version by Maven (log: $logs/kafka.log)"
  fetch
  [ -e "$libs/kafka_2.13-$version.jar" ] || fail "Maven ended well, but kafka_2.13-$version.jar is not in $libs." "Look at $logs/kafka.log"
  say "kafka: $(find "$libs" -name '*.jar' | wc -l) jars, $(du -sm "$libs" | cut -f1) MB, in $((SECONDS - began)) s"
  stamp kafka "$key"
}

main "$@"
