#!/usr/bin/env bash
# A real Kafka broker on this machine, for tests, benchmarks and the demo. `broker.sh help` says how it is used.
source "$(dirname "${BASH_SOURCE[0]}")/java.sh"

usage() {
  cat <<'END'
usage: deploy/kafka/broker.sh start [--dir DIR] [--port PORT] [--heap SIZE] [--session MS] [--sasl] [--via PORT]
                                    [--node N --voters LIST --cluster ID]
       deploy/kafka/broker.sh stop|kill|status [--dir DIR]

start   starts a broker that keeps everything in DIR, and returns when it answers. DIR/bootstrap then holds its host:port, DIR/broker.pid
        its process. A DIR used before keeps its data and, unless PORT says otherwise, its port. Nothing happens if it runs already.
stop    ends it in an orderly way.     kill    ends it with SIGKILL, as a crash would.
status  says whether it answers: exit code 0 if so, else 1.

--dir   default .kafka in the repository
--port  default 9092; 0 picks a free one
--heap  default 512m
--session  default 2000: a broker that was killed comes back after so many milliseconds; one that stands still for longer loses its leaders
--sasl  also listens for SASL/PLAIN without TLS, user tocsin, password tocsin-secret; DIR/bootstrap-sasl then holds its host:port
--via   also listens for clients that come through a proxy, and tells those to come to 127.0.0.1:PORT; DIR/behind-proxy then holds the
        host:port to which the proxy has to deliver
--node  one broker of several: its number, the same LIST and cluster ID (22 characters of base64) for all, as for instance
        1@127.0.0.1:21001,2@127.0.0.1:21003,3@127.0.0.1:21005 where the brokers' own ports are 21000, 21002 and 21004. Topics then have
        three replicas, of which two must be in step. Start them side by side: none answers before most are there
END
}

start_seconds=180  # two seconds on a machine with nothing else to do; beside compilers it has taken more than a minute
stop_seconds=30

# The process of this DIR's broker: a number in broker.pid counts only if that process was started with this DIR's properties.
broker_pid() {
  local pid
  pid=$(cat "$dir/broker.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qFx "$dir/server.properties" || return 1
  echo "$pid"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# One ApiVersions round trip (API 18, version 0, correlation id 7): a broker answers it once it takes requests, and a JVM less is started.
answers() {
  local reply
  reply=$(timeout 5 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf "\0\0\0\20\0\22\0\0\0\0\0\7\0\6tocsin" >&3
    head -c 10 <&3 | od -An -v -tx1 | tr -d " \n"' _ "$1" 2>/dev/null) || return 1
  [ "${reply:8:12}" = 000000070000 ]
}

# Two free ports below the range that the kernel gives to outgoing connections, so that a client cannot take them while the broker is down.
pick_ports() {
  local try
  for try in $(seq 50); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 6000 * 2))
    controller_port=$((port + 1))
    listening "$port" || listening "$controller_port" || return 0
  done
  fail "No free ports between 20000 and 32000 were found in $try tries."
}

# A property of the last start, or nothing.
earlier_port() { sed -n "s/^listeners=.*$1:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p" "$dir/server.properties" 2>/dev/null; }

choose_ports() {
  local wanted=$1 earlier
  earlier=$(earlier_port PLAINTEXT || true)
  if [ -n "$earlier" ] && { [ -z "$wanted" ] || [ "$wanted" = "$earlier" ] || { [ "$wanted" = 0 ] && ! listening "$earlier"; }; }; then
    port=$earlier
    controller_port=$(earlier_port CONTROLLER)
  elif [ "$wanted" = 0 ]; then
    pick_ports
  else
    port=${wanted:-9092}
    controller_port=$((port + 1))
  fi
  ! listening "$port" || fail "Port $port is taken by another process." "Stop it, or say --port 0 for a free one."
  ! listening "$controller_port" || fail "Port $controller_port (for the controller) is taken by another process." \
    "Stop it, or say --port 0 for free ones."
}

# The port of the SASL listener: 10000 away from the plain one, so that neither range meets the other nor that of outgoing connections.
sasl_port() { if [ "$port" -ge 20000 ]; then echo $((port - 10000)); else echo $((port + 10000)); fi; }

sasl_properties() {
  local address
  address=SASL://127.0.0.1:$(sasl_port)
  sed -i -e "s#^listeners=.*#&,$address#; s#^advertised\.listeners=.*#&,$address#" \
    -e 's#^listener\.security\.protocol\.map=.*#&,SASL:SASL_PLAINTEXT#' "$dir/server.properties"
  cat >>"$dir/server.properties" <<'END'

listener.name.sasl.sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_tocsin="tocsin-secret";
END
}

# The port at which clients are served that come through a proxy: beyond those that the kernel gives to outgoing connections.
behind_proxy_port() { echo $((61000 + port % 4500)); }

proxy_properties() {
  local address=127.0.0.1:$(behind_proxy_port)
  sed -i -e "s#^listeners=.*#&,VIA://$address#; s#^advertised\.listeners=.*#&,VIA://127.0.0.1:$via#" \
    -e 's#^listener\.security\.protocol\.map=.*#&,VIA:PLAINTEXT#' "$dir/server.properties"
}

several_properties() {
  sed -i -e "s#^node\.id=.*#node.id=$node#; s#^controller\.quorum\.voters=.*#controller.quorum.voters=$voters#" \
    -e 's#replication\.factor=1$#replication.factor=3#; s#min\.insync\.replicas=1$#min.insync.replicas=2#; s#min\.isr=1$#min.isr=2#' \
    -e 's#^controller\.quorum\.election\.timeout\.ms=.*#controller.quorum.election.timeout.ms=1000#' "$dir/server.properties"
}

write_properties() {
  local text
  text=$(cat "$kafka_here/server.properties.in")
  text=${text//@PORT@/$port}
  text=${text//@CONTROLLER_PORT@/$controller_port}
  text=${text//@DATA@/"$dir/data"}
  text=${text//@SESSION@/$session}
  printf '%s\n' "$text" >"$dir/server.properties"
  [ -z "$node" ] || several_properties
  [ -z "$via" ] || proxy_properties
  [ -z "$sasl" ] || sasl_properties
}

# A cluster id is 16 random bytes in URL-safe base64; one that begins with '-' would be read as an option.
format_storage() {
  local id
  [ ! -e "$dir/data/meta.properties" ] || return 0
  id=${cluster:-T$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)}
  (kafka_tool kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" --ignore-formatted) >>"$dir/server.log" 2>&1 || {
    tail -n 25 "$dir/server.log" >&2
    fail "Formatting $dir/data failed." "If the directory is from another Kafka, remove it."
  }
}

launch() {
  # A session of its own, no inherited output: neither a signal to the caller's group nor a pipe of the caller's reaches the broker.
  setsid "$java" "-Xmx$heap" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true \
    "-Dlog4j2.configurationFile=$kafka_here/log4j2.properties" -cp "$kafka_libs/*" kafka.Kafka "$dir/server.properties" \
    >>"$dir/server.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/broker.pid"
}

# Waits until the broker that was launched answers; false if it ends before.
await_ready() {
  local pid deadline=$((SECONDS + start_seconds))
  pid=$(cat "$dir/broker.pid")
  while kill -0 "$pid" 2>/dev/null; do
    ! answers "$port" || return 0
    if [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 25 "$dir/server.log" >&2
      end_with KILL
      fail "The broker did not answer on 127.0.0.1:$port within $start_seconds s; the whole log is $dir/server.log"
    fi
    sleep 0.1
  done
  rm -f "$dir/broker.pid"
  return 1
}

start() {
  local wanted=$port tries=3 pid
  need_kafka
  mkdir -p "$dir/data"
  exec 9>"$dir/lock"
  flock 9
  if pid=$(broker_pid); then
    port=$(earlier_port PLAINTEXT)
    await_ready || fail "The broker of $dir, process $pid, ended just now." "Start it again."
  else
    rm -f "$dir/bootstrap"
    while :; do
      choose_ports "$wanted"
      write_properties
      format_storage
      launch
      ! await_ready || break
      tries=$((tries - 1))
      # Somebody else was faster to take a port that was free a moment ago: with a free choice, choose again.
      if [ "$wanted" = 0 ] && [ $tries -gt 0 ] && tail -n 60 "$dir/server.log" | grep -q 'Address already in use'; then
        rm -f "$dir/server.properties"
        continue
      fi
      tail -n 25 "$dir/server.log" >&2
      fail "The broker ended while starting; the whole log is $dir/server.log"
    done
  fi
  echo "127.0.0.1:$port" >"$dir/bootstrap"
  rm -f "$dir/bootstrap-sasl" "$dir/behind-proxy"
  [ -z "$via" ] || echo "127.0.0.1:$(behind_proxy_port)" >"$dir/behind-proxy"
  ! grep -q '^listeners=.*SASL' "$dir/server.properties" || echo "127.0.0.1:$(sasl_port)" >"$dir/bootstrap-sasl"
  echo "Kafka answers on 127.0.0.1:$port (process $(cat "$dir/broker.pid"), data in $dir)"
}

# A process that ends has lost its command line, and its first thread may be a zombie, while other threads still hold its sockets.
is_there() {
  [ -e "/proc/$1" ] && ! grep -qzP 'State:\tZ(.|\n)*\nThreads:\t1\n' "/proc/$1/status" 2>/dev/null
}

# end_with SIGNAL: sends it to our broker and waits until the process has gone.
end_with() {
  local pid deadline=$((SECONDS + stop_seconds))
  pid=$(broker_pid) || { rm -f "$dir/broker.pid"; echo "No broker of $dir is running."; return; }
  kill "-$1" "$pid"
  while is_there "$pid"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "The broker of $dir, process $pid, has not ended within $stop_seconds s of SIG$1." \
      "broker.sh kill --dir $dir ends it at once."
    sleep 0.05
  done
  rm -f "$dir/broker.pid"
  echo "The broker of $dir has ended."
}

status() {
  local pid
  if ! pid=$(broker_pid); then
    echo "No broker of $dir is running."
    return 1
  fi
  port=$(earlier_port PLAINTEXT)
  if ! answers "$port"; then
    echo "The broker of $dir, process $pid, does not answer on 127.0.0.1:$port."
    return 1
  fi
  echo "Kafka answers on 127.0.0.1:$port (process $pid, data in $dir)"
}

main() {
  local command=${1:-help}
  [ $# = 0 ] || shift
  dir=$repo/.kafka port='' heap=512m session=2000 sasl='' via='' node='' voters='' cluster=''
  while [ $# -gt 0 ]; do
    case $1 in
      --dir | --port | --heap | --session | --via | --node | --voters | --cluster)
        [ $# -ge 2 ] || fail "$1 needs a value." "broker.sh help"
        printf -v "${1#--}" %s "$2"
        shift 2 ;;
      --sasl) sasl=yes; shift ;;
      *) fail "'$1' is not an option of broker.sh." "broker.sh help" ;;
    esac
  done
  case $port in *[!0-9]*) fail "--port takes a number, not '$port'." ;; esac
  case $session in '' | *[!0-9]*) fail "--session takes a number, not '$session'." ;; esac
  dir=$(realpath -m "$dir")
  case $dir in
    *[,=\\]* | *[[:space:]]*) fail "Kafka cannot keep its data in '$dir': no comma, '=', backslash or space may be in the path." ;;
  esac
  case $command in
    start) start ;;
    stop) end_with TERM; rm -f "$dir/bootstrap" "$dir/bootstrap-sasl" "$dir/behind-proxy" ;;
    kill) end_with KILL ;;
    status) status ;;
    help | --help | -h) usage ;;
    *) usage >&2; exit 2 ;;
  esac
}

main "$@"
