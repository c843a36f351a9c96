#!/usr/bin/env bash
# The whole system at work: a real broker, `tocsin run`, a load with incidents, and `tocsin watch`, which shows the alerts beside them.
# `demo.sh --help` says how it is used. The binaries are those in TOCSIN_BIN (default build/release/bin).
source "$(dirname "${BASH_SOURCE[0]}")/../setup/common.sh"

usage() {
  cat <<'END'
usage: ./dev demo [--for DURATION]

Starts a Kafka broker, the engine and a load of 2,000 events a second with an incident every 18 s, and shows the alerts as they come.

--for DURATION  end after so long, such as 60s or 5m (at least 30s); exit code 0 if every incident was detected and nothing else fired,
                else 1. Default: until Ctrl-C.
END
}

demo=$repo/deploy/demo
bin=${TOCSIN_BIN:-$repo/build/release/bin}
rate=2000
first_at=6         # seconds; the windows have filled by then
every=18           # an alert's window has been left by an incident before the next one
incident_length=10
detected_within=8  # for the last incident of a run: windows, `for` and some patience with a busy machine
endless_incidents=200
start_seconds=30
stop_seconds=20

work=''          # the temporary directory
bootstrap=''     # of the broker
run_pid='' load_pid='' watch_pid=''
signalled=no

# --- ending ---

# Children are in sessions of their own: Ctrl-C reaches this script alone, which ends them in order.
on_signal() {
  signalled=yes
  if [ -n "$watch_pid" ]; then kill -TERM "$watch_pid" 2>/dev/null || true; else exit 130; fi
}

# stop_child PID NAME: in an orderly way, else at once; returns when it has gone.
stop_child() {
  local deadline=$((SECONDS + stop_seconds))
  [ -n "$1" ] || return 0
  kill -TERM "$1" 2>/dev/null || true
  while kill -0 "$1" 2>/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo "$2 has not ended within $stop_seconds s; it is killed" >&2
      kill -KILL "$1" 2>/dev/null || true
      break
    fi
    sleep 0.05
  done
  wait "$1" 2>/dev/null || true
}

clean_up() {
  local code=$?
  trap '' INT TERM HUP
  trap - EXIT
  [ -n "$work" ] || exit "$code"
  say "stopping the load, the engine and the broker"
  stop_child "$watch_pid" "tocsin watch"
  stop_child "$load_pid" "tocsin loadgen"
  stop_child "$run_pid" "tocsin run"
  if [ -e "$work/kafka/broker.pid" ] && ! "$repo/deploy/kafka/broker.sh" stop --dir "$work/kafka" >>"$work/kafka.log" 2>&1; then
    "$repo/deploy/kafka/broker.sh" kill --dir "$work/kafka" >>"$work/kafka.log" 2>&1 || true
  fi
  if [ "$code" = 0 ] || [ "$code" = 130 ]; then
    rm -rf "$work"
  else
    cp "$work/kafka/server.log" "$work/broker.log" 2>/dev/null || true
    rm -rf "$work/kafka" "$work/state"
    echo "The logs are kept in $work" >&2
  fi
  exit "$code"
}

# --- steps ---

# to_log NAME WHAT command...: runs one step with its output in the log NAME.
to_log() {
  local log=$work/$1.log what=$2
  shift 2
  "$@" >>"$log" 2>&1 </dev/null && return
  [ "$signalled" = no ] || exit 130
  tail -n 15 "$log" >&2
  fail "$what failed; the whole log is $log"
}

start_broker() {
  say "starting a Kafka broker"
  to_log kafka "Starting the broker" "$repo/deploy/kafka/broker.sh" start --dir "$work/kafka" --port 0
  bootstrap=$(cat "$work/kafka/bootstrap")
  options=(--config "$demo/tocsin.yaml" --set "kafka.bootstrap.servers=$bootstrap" --set "state.path=$work/state")
}

create_topics() {
  say "creating the topic telemetry (4 partitions) and the engine's own on $bootstrap"
  to_log topics "Creating the topic telemetry" "$repo/deploy/kafka/topics.sh" --bootstrap-server "$bootstrap" --create --topic telemetry \
    --partitions 4
  to_log topics "Creating the engine's topics" "$bin/tocsin" topics "${options[@]}" --create
}

start_engine() {
  local deadline=$((SECONDS + start_seconds))
  say "starting tocsin run; its log is $work/run.log"
  setsid "$bin/tocsin" run "${options[@]}" >"$work/run.log" 2>&1 </dev/null &
  run_pid=$!
  until grep -qs 'demo-1 runs:' "$work/run.log"; do
    if ! kill -0 "$run_pid" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 15 "$work/run.log" >&2
      fail "tocsin run did not start within $start_seconds s; its whole log is $work/run.log"
    fi
    sleep 0.1
  done
}

# The incidents of so many seconds ("": without end): their kinds and places alternate.
write_incidents() {
  local kinds=('error_rate: 60%' 'latency_factor: 16' 'silence: true') domains=(wallet chat api support ai panic)
  local i at region
  for ((i = 0; i < endless_incidents; i++)); do
    at=$((first_at + i * every))
    [ -z "$1" ] || [ $((at + incident_length + detected_within)) -le "$1" ] || break
    region=''
    [ $((i % 6)) != 3 ] || region='region: eu, '
    echo "- {at: ${at}s, for: ${incident_length}s, domain: ${domains[(i + i / 6) % 6]}, $region${kinds[i % 3]}}"
  done >"$work/incidents.yaml"
}

start_load() {
  say "starting tocsin loadgen: $rate events a second, $(grep -c . "$work/incidents.yaml") incidents, one every $every s"
  load_start=$(date +%s%3N)
  setsid "$bin/tocsin" loadgen "${options[@]}" --rate "$rate" --jitter 100ms --incidents "$work/incidents.yaml" \
    >"$work/loadgen.log" 2>&1 </dev/null &
  load_pid=$!
}

# check_alive PID NAME LOG: a process that ended by itself makes the demo fail.
check_alive() {
  kill -0 "$1" 2>/dev/null && return
  tail -n 15 "$work/$3.log" >&2
  fail "$2 has ended by itself; its whole log is $work/$3.log"
}

watch() {
  local code signalled_before
  say "alerts as a consumer sees them: deploy/kafka/console-consumer.sh --bootstrap-server $bootstrap --topic demo.alerts --from-beginning"
  say "starting tocsin watch${1:+ for $1 s}; Ctrl-C ends the demo"
  setsid "$bin/tocsin" watch "${options[@]}" --incidents "$work/incidents.yaml" --start "$load_start" ${1:+--for "${1}s" --expect-incidents} &
  watch_pid=$!
  while :; do
    signalled_before=$signalled code=0
    wait "$watch_pid" || code=$?
    [ "$signalled" != "$signalled_before" ] || break  # a signal ends `wait`, not the watch
  done
  watch_pid=''
  if [ "$signalled" = no ]; then
    check_alive "$load_pid" "tocsin loadgen" loadgen
    check_alive "$run_pid" "tocsin run" run
  fi
  return "$code"
}

# --- main ---

# Whole seconds of "90", "60s", "5m" or "1h"; anything else fails.
seconds_of() {
  [[ $1 =~ ^([0-9]{1,6})(s|m|h|)$ ]] || return 1
  case ${BASH_REMATCH[2]} in
    m) echo $((10#${BASH_REMATCH[1]} * 60)) ;;
    h) echo $((10#${BASH_REMATCH[1]} * 3600)) ;;
    *) echo $((10#${BASH_REMATCH[1]})) ;;
  esac
}

usage_error() {
  printf 'error: %s\n  -> ./dev demo --help\n' "$1" >&2
  exit 2
}

main() {
  local length='' code=0
  while [ $# -gt 0 ]; do
    case $1 in
      --for)
        [ $# -ge 2 ] || usage_error "--for needs a length of time."
        length=$(seconds_of "$2") || usage_error "--for takes a length of time such as 60s or 5m, not '$2'."
        [ "$length" -ge 30 ] || usage_error "--for must be at least 30s: an incident has to begin, to be detected and to end."
        shift 2 ;;
      --help | -h) usage; exit 0 ;;
      *) usage_error "'$1' is not an option of ./dev demo." ;;
    esac
  done
  [ -x "$bin/tocsin" ] || fail "There is no $bin/tocsin." "./dev build, or set TOCSIN_BIN to the directory of the binaries."
  trap on_signal INT TERM HUP
  trap clean_up EXIT
  work=$(mktemp -d "${TMPDIR:-/tmp}/tocsin-demo.XXXXXX")
  start_broker
  create_topics
  write_incidents "$length"
  start_engine
  start_load
  watch "$length" || code=$?
  exit "$code"
}

main "$@"
