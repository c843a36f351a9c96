# Sourced by `dev` and the scripts beside this file: where things lie, progress lines, logs, root rights.
#
# The directory of dependencies (TOCSIN_DEPS, default <repository>/.deps) may be shared by several clones; `dev` takes a lock on it before
# it runs a step. Every step is idempotent: it looks at what is there, or at a stamp that names the version, before it does anything.

set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
deps=${TOCSIN_DEPS:-$repo/.deps}
# librdkafka's build splits paths at spaces.
case $deps in *[[:space:]]*) echo "The path '$deps' has a space in it: set TOCSIN_DEPS to a directory without." >&2; exit 2 ;; esac
mkdir -p "$deps"
deps=$(cd "$deps" && pwd -P)  # the same directory by any name
prefix=$deps/prefix
logs=$deps/log
stamps=$deps/stamp
mkdir -p "$logs" "$stamps"

export PKG_CONFIG_PATH="$prefix/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
export LC_ALL=C.UTF-8

say() { printf '==> %s\n' "$*"; }

# fail WHAT NEXT: says what went wrong and what to do, and ends the script.
fail() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  -> %s\n' "$2" >&2
  exit 1
}

# logged NAME HINT command...: runs the command with its output in the log NAME; when it fails, shows the log's last lines and the hint.
logged() {
  local log=$logs/$1.log hint=$2
  shift 2
  printf '\n$ %s\n' "$*" >>"$log"
  if ! "$@" >>"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    fail "'$*' failed; the whole log is $log" "$hint"
  fi
}

start_log() { date '+started %F %T' >"$logs/$1.log"; }

# stamped NAME KEY: the step has been done, and for just this key.
stamped() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$stamps/$1"; }

# as_root command...: with the rights to install packages. Ask can_be_root first: what is said in here goes to a log.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -E "$@"; fi; }
can_be_root() { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }
