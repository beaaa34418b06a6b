#!/bin/sh
# Runs every example against real clients: nc, curl, wrk, socat, Racket, and the
# examples among themselves.  One line a check, `ok` or `not ok`; what needs a
# program that is not installed is skipped.  Exit status 0 if all is well.
#
# Takes quayside from LUA_PATH and LUA_CPATH if it is there, else from ./build,
# else from ./lua_modules.
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0
failed=0
pids=
work=$(mktemp -d)

# --- what a check is made of --------------------------------------------------

# check NAME EXPECTED ACTUAL
check() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    echo "ok $1"
  else
    failed=$((failed + 1))
    echo "not ok $1"
    printf 'expected: %s\n  actual: %s\n' "$2" "$3" | sed 's/^/#   /'
  fi
}

# needs NAME PROGRAM: may the check NAME run?
needs() {
  command -v "$2" >/dev/null && return 0
  echo "ok $1 # SKIP: no $2"
  return 1
}

# Has the process come to its end?  What has not been waited for is a zombie.
is_over() {
  [ ! -r "/proc/$1/stat" ] ||
    grep -q '^[0-9]* ([^)]*) Z' "/proc/$1/stat" 2>/dev/null
}

# until_true COMMAND…: for five seconds at most
until_true() {
  for _ in $(seq 100); do
    "$@" && return 0
    sleep 0.05
  done
  return 1
}

has_line() { grep -q "$2" "$1" 2>/dev/null; }

# start ID COMMAND…: in the background, output in $work/ID.out and ID.err; its
# process is $pid.  A job of a script ignores Ctrl-C unless told otherwise.
start() {
  id=$1
  shift
  rm -f "$work/$id.out" "$work/$id.err" # of one with the same name, before
  env --default-signal=INT "$@" >"$work/$id.out" 2>"$work/$id.err" </dev/null &
  pid=$!
  pids="$pids $pid"
}

# serve EXAMPLE [ARGUMENTS…]: starts it; it listens on $port
serve() {
  name=$1
  shift
  start "$name" lua5.4 "examples/$name.lua" 0 "$@"
  until_true has_line "$work/$name.out" '^listening'
  port=$(sed -n 's/^listening on 127.0.0.1 port //p' "$work/$name.out")
  port=${port:-1}
}

# finish PID: waits for it; its exit status is $status
finish() {
  until_true is_over "$1" || kill -KILL "$1" 2>/dev/null
  wait "$1" 2>/dev/null
  status=$?
}

# stop EXAMPLE PID: Ctrl-C must end it well, and nothing have been complained of
stop() {
  kill -INT "$2"
  finish "$2"
  check "$1 stops on Ctrl-C" 0 "$status"
  check "$1 has nothing to complain of" '' "$(cat "$work/$1.err")"
}

clean_up() {
  for each in $pids; do kill -KILL "$each" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

lua() { timeout 20 lua5.4 "$@" 2>&1; }
nc() { timeout 10 nc -N 127.0.0.1 "$@" 2>&1 || echo "nc: exit status $?"; }

has_quayside() { lua5.4 -e 'require "quayside"' 2>/dev/null; }

find_quayside() {
  has_quayside && return
  export LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;;"
  export LUA_CPATH="$PWD/build/?.so;;"
  has_quayside && return
  LUA_PATH="$PWD/lua_modules/share/lua/5.4/?.lua;"
  LUA_PATH="$LUA_PATH$PWD/lua_modules/share/lua/5.4/?/init.lua;;"
  LUA_CPATH="$PWD/lua_modules/lib/lua/5.4/?.so;;"
  has_quayside && return
  echo "quayside is neither built nor installed" >&2
  exit 1
}

# --- the examples -------------------------------------------------------------

check_echo() {
  serve echo
  server=$pid
  check 'echo: nc' "one
two" "$(printf 'one\ntwo\n' | nc "$port")"
  check 'echo: the last line needs no end' 'tail' \
    "$(printf tail | nc "$port")"
  if needs 'echo: socat, 1 MB' socat; then
    yes 'a line of some length' | head -c 1000000 >"$work/sent"
    timeout 20 socat -t 10 - "TCP:127.0.0.1:$port" <"$work/sent" \
      >"$work/received" 2>&1
    cmp -s "$work/sent" "$work/received"
    check 'echo: socat, 1 MB' 0 $?
  fi
  check_racket_client
  stop echo "$server"
}

check_racket_client() {
  needs 'echo: a Racket client' racket || return
  cat >"$work/client.rkt" <<'RACKET'
#lang racket/base
(require racket/tcp)
(define port (vector-ref (current-command-line-arguments) 0))
(define-values (in out) (tcp-connect "127.0.0.1" (string->number port)))
(displayln "from Racket" out)
(close-output-port out)
(displayln (read-line in))
(displayln (eof-object? (read-line in)))
RACKET
  check 'echo: a Racket client' "from Racket
#t" "$(timeout 30 racket "$work/client.rkt" "$port" 2>&1)"
}

check_racket_server() {
  needs 'a Racket server' racket || return
  cat >"$work/server.rkt" <<'RACKET'
#lang racket/base
(require racket/tcp racket/port)
(define listener (tcp-listen 0 4 #f "127.0.0.1"))
(define-values (host port far-host far-port) (tcp-addresses listener #t))
(printf "listening on ~a port ~a\n" host port)
(flush-output)
(define-values (in out) (tcp-accept listener))
(copy-port in out)
(displayln "and that is all" out)
(close-output-port out)
RACKET
  cat >"$work/client.lua" <<'LUA'
local tcp = require("quayside").tcp
local input, output = tcp.connect("127.0.0.1", tonumber(arg[1]))
output:write "from Lua\n"
output:close()
for line in input:lines() do print(line) end
LUA
  start racket racket "$work/server.rkt"
  until_true has_line "$work/racket.out" '^listening'
  port=$(sed -n 's/^listening on .* port //p' "$work/racket.out")
  check 'a Racket server' "from Lua
and that is all" "$(lua "$work/client.lua" "$port")"
  finish "$pid"
  check 'a Racket server ends well' 0 "$status"
}

# A client of the chat that stays: what it is to say comes through a pipe.
check_chat() {
  serve chat
  server=$pid
  mkfifo "$work/ann"
  timeout 10 nc -N 127.0.0.1 "$port" <"$work/ann" >"$work/ann.out" 2>&1 &
  ann=$!
  pids="$pids $ann"
  exec 3>"$work/ann"
  echo ann >&3
  until_true has_line "$work/ann.out" 'welcome, ann'
  printf 'bob\nhello\n' | nc "$port" >"$work/bob.out"
  until_true has_line "$work/ann.out" 'bob has left'
  exec 3>&-
  finish "$ann"
  check 'chat: nc' '* welcome, ann
* bob has come
bob: hello
* bob has left' "$(cat "$work/ann.out")"
  stop chat "$server"
}

# Both directions at once, and the end of one before that of the other.
check_proxy() {
  serve echo
  target=$pid
  serve proxy 127.0.0.1 "$port"
  server=$pid
  check 'proxy: nc, before echo' 'through' "$(echo through | nc "$port")"
  if needs 'proxy: socat, 1 MB, before echo' socat; then
    yes 'both ways' | head -c 1000000 >"$work/sent"
    timeout 20 socat -t 10 - "TCP:127.0.0.1:$port" <"$work/sent" \
      >"$work/received" 2>&1
    cmp -s "$work/sent" "$work/received"
    check 'proxy: socat, 1 MB, before echo' 0 $?
  fi
  stop proxy "$server"
  stop echo "$target"
}

check_http() {
  serve http
  server=$pid
  if needs 'http: curl' curl; then
    check 'http: curl' 'hello, /there 200' \
      "$(curl -s -m 10 -w '%{http_code}' "http://127.0.0.1:$port/there" |
        tr '\n' ' ')"
    check 'http: curl, two requests on one connection' 'hello, / 1
hello, / 0' "$(curl -s -m 10 -w '%{num_connects}\n' \
      "http://127.0.0.1:$port/" "http://127.0.0.1:$port/" |
      paste -d ' ' - -)"
    check 'http: curl, a body' 'hello, /post' \
      "$(curl -s -m 10 -d 'some=body' "http://127.0.0.1:$port/post")"
    check 'http: curl, HTTP/1.0' 'hello, /old' \
      "$(curl -s -m 10 -0 "http://127.0.0.1:$port/old")"
  fi
  check 'http: nc, nonsense' 'HTTP/1.1 400 Bad Request' \
    "$(printf 'nonsense\r\n\r\n' | nc "$port" | head -n 1 | tr -d '\r')"
  check 'http: nc, a body without an end' 'HTTP/1.1 413 Content Too Large' \
    "$(printf 'POST / HTTP/1.1\r\nContent-Length: 9999999999999999\r\n\r\n' |
      nc "$port" | head -n 1 | tr -d '\r')"
  check_wrk http
  stop http "$server"
}

check_wrk() {
  needs "$1: wrk -c 64" wrk || return
  timeout 20 wrk -t 1 -c 64 -d 1s "http://127.0.0.1:$port/" >"$work/wrk" 2>&1
  requests=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$work/wrk")
  check "$1: wrk -c 64 is answered" 1 "$((${requests:-0} > 64))"
  check "$1: wrk -c 64 sees no errors" '' \
    "$(grep -E 'errors|Non-2xx|unable' "$work/wrk")"
}

check_proxied_http() {
  needs 'proxy: wrk -c 64, before http' wrk || return
  serve http
  target=$pid
  serve proxy 127.0.0.1 "$port"
  server=$pid
  check_wrk 'proxy before http'
  kill -INT "$server" "$target"
  finish "$server"
  check 'proxy stops on Ctrl-C after wrk' 0 "$status"
  finish "$target"
}

check_deadline() {
  serve deadline 0.3
  server=$pid
  check 'deadline: nc' 'done in 0.01 s
given up after 0.3 s
a number of seconds, please
done in 0 s' "$(printf '0.01\n30\nsoon\n0\n' | nc "$port")"
  stop deadline "$server"
}

count_descriptors() { find "/proc/$1/fd" -type l | wc -l; }

check_watchdog() {
  serve watchdog
  server=$pid
  echo slow | nc "$port" >"$work/slow.out"
  before=$(count_descriptors "$server")
  check 'watchdog: nc' 'result: found it
shut down: took more than 0.5 s
shut down: more than 5 connections
quick, slow or greedy?' \
    "$(printf 'quick\nslow\ngreedy\nlazy\n' | nc "$port")"
  is_back() { [ "$(count_descriptors "$server")" -le "$before" ]; }
  until_true is_back
  check 'watchdog: no descriptor is left' 0 $?
  stop watchdog "$server"
}

check_relay() {
  serve relay
  server=$pid
  timeout 10 nc 127.0.0.1 "$port" </dev/null >"$work/ear.out" 2>&1 &
  ear=$!
  pids="$pids $ear"
  has_heard() {
    echo 'is anybody there?' | timeout 1 nc -N 127.0.0.1 "$port" >/dev/null 2>&1
    has_line "$work/ear.out" 'anybody'
  }
  until_true has_heard
  check 'relay: nc to nc' 0 $?
  kill "$ear"
  stop relay "$server"
}

check_pipeline() {
  serve pipeline
  server=$pid
  check 'pipeline: nc' '1: a b c
2: 
3: one two' "$(printf 'c a b\n\ntwo one\n' | nc "$port")"
  stop pipeline "$server"
}

check_graceful() {
  serve graceful
  server=$pid
  echo world | nc "$port" >"$work/world.out" &
  client=$!
  pids="$pids $client"
  until_true has_line "$work/world.out" moment
  kill -INT "$server"
  finish "$server"
  check 'graceful: stops on Ctrl-C' 0 "$status"
  finish "$client"
  check 'graceful: nc is not cut off' 'one moment, please
hello, world' "$(cat "$work/world.out")"
  check 'graceful: says what it does' "listening on 127.0.0.1 port $port
stopping
stopped" "$(cat "$work/graceful.out")"
}

# Asks a name server of its own, and ends.
check_dns() {
  [ -f examples/dns.lua ] || return 0
  timeout 20 lua5.4 examples/dns.lua >"$work/dns.out" 2>"$work/dns.err"
  check 'dns: ends well' 0 $?
  check 'dns: has nothing to complain of' '' "$(cat "$work/dns.err")"
}

# The snippets of the documentation run, and print what it says.
check_docs() {
  lua5.4 docs/check.lua >"$work/docs.out" 2>&1
  check 'docs: every snippet' '' "$(grep -v '^ok' "$work/docs.out" | sed '$d')"
}

find_quayside
check_echo
check_racket_server
check_chat
check_proxy
check_http
check_proxied_http
check_deadline
check_watchdog
check_relay
check_pipeline
check_graceful
check_dns
check_docs
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
