#!/bin/sh
# Installs quayside and what it needs, starts the echo server, and talks to it
# with netcat.  For Debian 12; as root, or as a user who may sudo.  Running it
# again does no harm.
set -eu
cd "$(dirname "$0")/.."

packages="lua5.4 liblua5.4-dev libevent-dev luarocks cmake gcc libc6-dev make
  pkg-config netcat-openbsd"

is_installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
    grep -q '^installed$'
}

install_packages() {
  missing=
  for package in $packages; do
    is_installed "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  echo "# installing:$missing"
  as_root=
  [ "$(id -u)" -eq 0 ] || as_root=sudo
  $as_root apt-get -q update
  # shellcheck disable=SC2086 # several words
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y --no-install-recommends install $missing
}

# Ctrl-C is ignored by what a script starts in the background, unless told.
start_server() {
  env --default-signal=INT lua5.4 examples/echo.lua >"$work/server" &
  server=$!
  for _ in $(seq 100); do
    port=$(sed -n 's/^listening on .* port //p' "$work/server")
    [ -z "$port" ] || return 0
    sleep 0.05
  done
  echo "the server has not started" >&2
  exit 1
}

# Ends the server, and fails if it has not ended well.
stop_server() {
  kill -INT "$server"
  wait "$server"
  server=
}

clean_up() {
  [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
  rm -rf "$work"
}

server=
work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install_packages
echo '# luarocks --lua-version=5.4 make --tree lua_modules'
luarocks --lua-version=5.4 make --tree "$PWD/lua_modules"
eval "$(luarocks --lua-version=5.4 --tree "$PWD/lua_modules" path)"

echo '# lua5.4 examples/echo.lua'
start_server
cat "$work/server"
echo "# nc -N 127.0.0.1 $port"
printf 'hello, quayside\nand goodbye\n' >"$work/sent"
sed 's/^/> /' "$work/sent"
timeout 10 nc -N 127.0.0.1 "$port" <"$work/sent" >"$work/received"
sed 's/^/< /' "$work/received"
cmp "$work/sent" "$work/received"
stop_server
echo '# the echo is right, and the server has stopped'
