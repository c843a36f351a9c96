#!/usr/bin/env bash
# Makes sure that pkg-config finds a librdkafka new enough, building Debian's own newer source package into the prefix if it does not.
# Debian 12 has 2.0.2, which loses messages when partitions are paused during batch reads, among other defects (docs/dependencies.md).
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

minimum=2.12

# The key of the stamp: a library that changed (or moved) is checked again.
found() {
  pkg-config --atleast-version="$minimum" rdkafka 2>/dev/null || return 1
  printf '%s in %s\n' "$(pkg-config --modversion rdkafka)" "$(pkg-config --variable=libdir rdkafka)"
}

check_features() {
  local probe
  probe=$(mktemp)
  logged librdkafka "Is the compiler installed? ./dev setup does that first." \
    cc -o "$probe" "$repo/deploy/setup/check_rdkafka.c" $(pkg-config --cflags --libs rdkafka) \
    "-Wl,-rpath,$(pkg-config --variable=libdir rdkafka)"
  logged librdkafka "Install libssl-dev, libsasl2-dev, libzstd-dev and liblz4-dev, remove $prefix and run ./dev setup again." "$probe"
  rm -f "$probe"
}

# sources_of SUITE DIR: the machine's apt sources, turned to SUITE's source packages, below DIR.
sources_of() {
  local suite=$1 dir=$2 codename etc file format name n=0
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
  etc=$(apt-config shell parts Dir::Etc::sourceparts/d list Dir::Etc::sourcelist/f)
  eval "$etc"
  rm -rf "$dir"
  mkdir -p "$dir"
  for file in "$list" "$parts"/*.list "$parts"/*.sources; do
    [ -s "$file" ] || continue
    n=$((n + 1))
    case $file in *.sources) format=deb822 ;; *) format=oneline ;; esac
    [ $format = deb822 ] && name=$n.sources || name=$n.list
    awk -v "format=$format" -v "codename=$codename" -v "suite=$suite" -f "$repo/deploy/setup/source_suite.awk" "$file" >"$dir/$name"
  done
  find "$dir" -type f -empty -delete
  [ -n "$(ls -A "$dir")" ]
}

# private_apt DIR command...: apt-get on its own lists and caches, so that the machine's are not touched. Signatures are checked as ever.
private_apt() {
  local dir=$1
  shift
  mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
  apt-get -o "Dir::State=$dir/state" -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$dir/cache" \
    -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$dir/sources" -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o APT::Sandbox::User=root -o APT::Get::Only-Source=true "$@"
}

# download SUITE WORK: leaves the source package of SUITE in WORK/source; false if the suite cannot be had or has only an older one.
download() {
  local suite=$1 work=$2 version
  sources_of "$suite" "$work/sources" || fail "No apt source of this Debian release was found." \
    "librdkafka >= $minimum is needed: install one that pkg-config finds, or add a Debian archive to /etc/apt."
  private_apt "$work" update >>"$logs/librdkafka.log" 2>&1 </dev/null || return 1
  version=$(private_apt "$work" -qq --print-uris source librdkafka 2>>"$logs/librdkafka.log" |
    sed -n 's/.*librdkafka_\([0-9.]*\)\.orig\.tar.*/\1/p' | head -n 1)
  [ -n "$version" ] && dpkg --compare-versions "$version" ge "$minimum" || return 1
  rm -rf "$work/source"
  mkdir -p "$work/source"
  (cd "$work/source" && private_apt "$work" -qq --download-only source librdkafka) >>"$logs/librdkafka.log" 2>&1 </dev/null
}

build() {
  local work=$deps/src/librdkafka suite version began=$SECONDS
  start_log librdkafka
  rm -rf "$work"
  mkdir -p "$work"
  for suite in forky trixie none; do
    [ "$suite" != none ] || { tail -n 25 "$logs/librdkafka.log" >&2
      fail "No suite of the Debian archive gave librdkafka >= $minimum; the whole log is $logs/librdkafka.log" \
        "Check the network and /etc/apt, or install librdkafka >= $minimum where pkg-config finds it."; }
    say "librdkafka: fetching Debian's source package ($suite)"
    ! download "$suite" "$work" || break
  done
  mkdir "$work/tree"
  tar -xf "$work"/source/librdkafka_*.orig.tar.* -C "$work/tree" --strip-components=1
  version=$(basename "$work"/source/librdkafka_*.orig.tar.* | sed 's/^librdkafka_\(.*\)\.orig.*/\1/')
  say "librdkafka: building $version (about a minute; log: $logs/librdkafka.log)"
  cd "$work/tree"
  local hint="Run ./dev setup again; if it fails again, look at the log."
  logged librdkafka "$hint" ./configure "--prefix=$prefix" --disable-gssapi
  logged librdkafka "$hint" make -j"$(nproc)" libs
  logged librdkafka "$hint" make install
  cd "$repo"
  rm -rf "$work"
  say "librdkafka: built in $((SECONDS - began)) s"
}

main() {
  local key
  if key=$(found) && stamped librdkafka "$key"; then return; fi
  found >/dev/null || build
  key=$(found) || fail "pkg-config does not find the librdkafka that was just built." "Remove $prefix and run ./dev setup again."
  check_features
  say "$(grep '^librdkafka [0-9]' "$logs/librdkafka.log" | tail -n 1)"
  stamp librdkafka "$key"
}

main "$@"
