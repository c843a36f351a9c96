#!/usr/bin/env bash
# Installs the Debian packages that Tocsin is built, tested and checked with. Nothing is asked of apt if they are all there.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packages=(
  # building
  g++ make cmake ninja-build ccache mold pkg-config protobuf-compiler
  # what cmake/Dependencies.cmake finds, and the codecs that librocksdb's static library and librdkafka are linked with
  libabsl-dev libbenchmark-dev libboost-dev libbz2-dev libcli11-dev libfmt-dev libgmock-dev libgtest-dev libhwy-dev liblz4-dev
  libmimalloc-dev libprotobuf-dev libre2-dev librocksdb-dev libsasl2-dev libsimdjson-dev libsnappy-dev libspdlog-dev libssl-dev
  libyaml-cpp-dev libzstd-dev nlohmann-json3-dev prometheus-cpp-dev zlib1g-dev
  # the Kafka broker of tests, benchmarks and the demo
  ca-certificates maven openjdk-17-jre-headless
  # tests, and ./dev format and lint
  clang-format-16 clang-tidy-16 git python3 python3-yaml
)

missing() {
  # dpkg-query says nothing on standard output of a package it has never heard of.
  comm -23 <(printf '%s\n' "${packages[@]}" | sort) \
    <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | sed -n 's/ installed$//p' | sort)
}

main() {
  local began=$SECONDS lacking
  command -v apt-get >/dev/null || fail "This is not a Debian system: there is no apt-get." \
    "Install the counterparts of the packages named in deploy/setup/packages.sh (docs/dependencies.md), then call cmake --preset release."
  mapfile -t lacking < <(missing)
  [ ${#lacking[@]} -gt 0 ] || return 0
  can_be_root || fail "Packages must be installed (${lacking[*]}), which takes root, and there is no sudo." "Run ./dev setup once as root."
  say "packages: installing ${#lacking[@]} of ${#packages[@]} (log: $logs/packages.log): ${lacking[*]}"
  start_log packages
  logged packages "Check the network and /etc/apt, then run ./dev setup again." as_root apt-get -o Acquire::Retries=3 update
  logged packages "Tocsin is made for Debian 12 (bookworm). Check /etc/apt, then run ./dev setup again." \
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install --yes --no-install-recommends "${lacking[@]}"
  say "packages: installed in $((SECONDS - began)) s"
}

main "$@"
