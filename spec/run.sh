#!/bin/sh
# All tests of quayside, on a Debian 12 with nothing on it but a clone:
#
#   sh spec/run.sh
#
# Installs what is missing (as root, or with sudo), checks the sources, builds,
# runs every test as it is shipped, with sanitizers and under valgrind, makes
# the rock and runs the examples.  Ends with the line `N passed, N failed`; the
# exit status is 0 if nothing failed.
#
#   QUAYSIDE_NO_INSTALL=1   installs nothing
#   QUAYSIDE_NO_RACKET=1    does not install Racket; what compares with it is
#                           skipped
#   QUAYSIDE_ROUNDS=0.1     a tenth of the rounds of the heavy tests
#   QUAYSIDE_SEED=7         the seed of the randomized tests
set -u
cd "$(dirname "$0")/.." || exit 1

packages="lua5.4 liblua5.4-dev libevent-dev lua-busted lua-filesystem lua-check
luarocks cmake gcc libc6-dev make pkg-config clang-format clang-tidy cppcheck
valgrind strace netcat-openbsd socat curl wrk procps ca-certificates"
[ -n "${QUAYSIDE_NO_RACKET-}" ] || packages="$packages racket"
# The barest machines do not know their own name.
getent ahosts localhost >/dev/null || packages="$packages libnss-myhostname"

top=$(pwd)
build=$top/build-test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# --- what is needed -----------------------------------------------------------

is_installed() {
  dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  [ -z "${QUAYSIDE_NO_INSTALL-}" ] && command -v apt-get >/dev/null || return 0
  missing=
  for package in $packages; do
    is_installed "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  echo "installing:$missing"
  # shellcheck disable=SC2086 # a list of words
  as_root apt-get -qq update &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install \
      --no-install-recommends $missing >"$work/apt.log" 2>&1 && return 0
  tail -n 20 "$work/apt.log"
  return 1
}

# --- stages -------------------------------------------------------------------
#
# A stage is a function, run in a subshell with its output in a log.  It may
# say how many checks passed and failed; if it does not, it counts as one.

count() {
  echo "$1 $2" >"$work/$stage.count"
  [ "$2" -eq 0 ]
}

# What a test program says: `ok - sentence` for every case.
count_tap() {
  count "$(grep -c '^ok ' "$1")" "$(grep -c '^not ok ' "$1")"
}

# The sources for which there are commands, and their headers.
c_sources() { ls src/core/*.c src/binding/*.c spec/core/*.c; }
c_files() { c_sources; ls src/core/*.h src/binding/*.h spec/core/*.h; }

stage_format() {
  c_files | xargs clang-format --dry-run -Werror
}

stage_luacheck() {
  luacheck --no-color -q lua spec examples bench docs
}

# cppcheck does not look into system headers, but cannot do without the macros
# of this one.
stage_cppcheck() {
  queue=$(echo '#include <sys/queue.h>' | cc -E - |
    sed -n 's/^# 1 "\(.*queue\.h\)".*/\1/p' | head -n 1)
  cppcheck --quiet --std=c11 --inline-suppr --error-exitcode=1 \
    --enable=warning,style,performance,portability \
    --suppressions-list=.cppcheck-suppressions -D_GNU_SOURCE \
    --include="$queue" -I src/core src spec/core
}

# Debug, because clang does not know all of gcc's flags for optimizing.
stage_tidy() {
  cmake -S . -B "$build/tidy" -DCMAKE_BUILD_TYPE=Debug >/dev/null &&
    c_sources | xargs -n 8 clang-tidy -p "$build/tidy" --quiet \
      2>"$work/tidy.err" && return
  grep -v 'warnings generated' "$work/tidy.err"
  return 1
}

# build_in FOLDER OPTION…
build_in() {
  folder=$build/$1
  shift
  cmake -S . -B "$folder" -DCMAKE_C_FLAGS='-g -Werror' "$@" &&
    cmake --build "$folder" -j 2
}

stage_build() { build_in release -DCMAKE_BUILD_TYPE=Release; }
stage_build_sanitized() { build_in sanitized -DQS_SANITIZE=ON; }

# run_core FOLDER COMMAND…: the C core's tests, each by the command.
run_core() {
  folder=$1
  shift
  for program in "$folder"/spec/core/test_*; do
    [ -f "$program" ] || continue # not the folder of its objects
    echo "# $program"
    "$@" "$program" || echo "not ok - $program: status $?"
  done >"$work/$stage.tap" 2>&1
  grep -v '^ok ' "$work/$stage.tap"
  count_tap "$work/$stage.tap"
}

# run_busted FOLDER COMMAND…: the specs, in the Lua that the command starts.
run_busted() {
  folder=$1
  shift
  "$@" lua5.4 "$(command -v busted)" --ignore-lua --cpath="$folder/?.so" \
    --output=TAP spec >"$work/$stage.tap" 2>&1
  status=$?
  if [ $status -ne 0 ] && ! grep -q '^not ok ' "$work/$stage.tap"; then
    echo "not ok - busted: status $status" >>"$work/$stage.tap"
  fi
  grep -v '^ok ' "$work/$stage.tap"
  count_tap "$work/$stage.tap"
}

stage_core() { run_core "$build/release" timeout 300; }
stage_specs() { run_busted "$build/release" timeout 900; }

slowly() {
  QUAYSIDE_PATIENCE=$1
  QUAYSIDE_ROUNDS=${QUAYSIDE_ROUNDS:-0.02}
  export QUAYSIDE_PATIENCE QUAYSIDE_ROUNDS
}

sanitizer_options() {
  export UBSAN_OPTIONS=print_stacktrace=1
  export ASAN_OPTIONS="$1"
}

stage_core_sanitized() {
  slowly 4
  sanitizer_options detect_leaks=1
  run_core "$build/sanitized" timeout 300
}

# The shell and others that the specs start do leak; valgrind looks for leaks
# in ours.  Freed memory is not kept long, because some specs measure it.
stage_specs_sanitized() {
  slowly 4
  sanitizer_options detect_leaks=0:quarantine_size_mb=4
  run_busted "$build/sanitized" timeout 900 \
    env LD_PRELOAD="$(cc -print-file-name=libasan.so)"
}

valgrind_options() {
  export VALGRIND_OPTS="-q --error-exitcode=99 --leak-check=full
    --errors-for-leak-kinds=definite,indirect --num-callers=25
    --freelist-vol=4000000"
}

stage_core_valgrind() {
  slowly 20
  valgrind_options
  run_core "$build/release" timeout 600 valgrind
}

# A process for each file of specs, because collecting garbage under valgrind
# costs more with each file that is loaded.  Both lanes take files, each the
# next that nobody has claimed.
claim_specs_valgrind() {
  slowly 20
  valgrind_options
  for file in spec/*_spec.lua; do
    mkdir "$work/claimed.$(basename "$file")" 2>/dev/null || continue
    run_valgrind_file "$file"
  done >"$work/$stage.tap" 2>&1
  grep -v '^ok ' "$work/$stage.tap"
  count_tap "$work/$stage.tap"
}

run_valgrind_file() {
  timeout 600 valgrind lua5.4 "$(command -v busted)" --ignore-lua \
    --cpath="$build/release/?.so" --output=TAP "$1" >"$work/$stage.one" 2>&1
  status=$?
  cat "$work/$stage.one"
  [ $status -eq 0 ] || grep -q '^not ok ' "$work/$stage.one" ||
    echo "not ok - $1: status $status"
}

stage_specs_valgrind() { claim_specs_valgrind; }
stage_specs_valgrind_2() { claim_specs_valgrind; }

# From a copy, because luarocks builds in the folder of the sources.
stage_rock() {
  mkdir "$work/rock" "$work/elsewhere" &&
    cp -R CMakeLists.txt LICENSE ./*.rockspec src lua "$work/rock" &&
    cd "$work/rock" &&
    luarocks --lua-version=5.4 --tree="$work/tree" make &&
    cd "$work/elsewhere" &&
    eval "$(luarocks --lua-version=5.4 --tree="$work/tree" path)" &&
    lua5.4 -e 'local q = require "quayside"
      local l <close> = q.tcp.listen(0)
      assert(q.tcp.is_listener(l))'
}

stage_examples() {
  [ -f examples/check.sh ] || return 0
  LUA_PATH="$top/lua/?.lua;$top/lua/?/init.lua;;" \
  LUA_CPATH="$build/release/?.so;;" \
    timeout 600 sh examples/check.sh >"$work/examples.tap" 2>&1
  status=$?
  grep -v '^ok ' "$work/examples.tap"
  count_tap "$work/examples.tap" && return $status
}

# What the pages show is run.
stage_docs() {
  [ -f docs/check.lua ] || return 0
  LUA_PATH="$top/lua/?.lua;$top/lua/?/init.lua;;" \
  LUA_CPATH="$build/release/?.so;;" timeout 600 lua5.4 docs/check.lua
}

# --- running them -------------------------------------------------------------

say_result() {
  if [ "$1" -eq 0 ]; then word=ok; else word=FAILED; fi
  printf '%-7s %-16s %4d s   %s passed, %s failed\n' "$word" "$2" "$3" "$4" "$5"
}

run_stage() {
  stage=$1
  began=$(date +%s)
  (stage_"$stage") >"$work/$stage.log" 2>&1 </dev/null
  status=$?
  if [ ! -f "$work/$stage.count" ]; then
    if [ $status -eq 0 ]; then echo 1 0; else echo 0 1; fi >"$work/$stage.count"
  fi
  read -r passed failed <"$work/$stage.count"
  [ $status -eq 0 ] || [ "$failed" -gt 0 ] || echo "$passed 1" >"$work/$stage.count"
  [ $status -eq 0 ] || touch "$work/$stage.failed"
  say_result $status "$stage" $(($(date +%s) - began)) "$passed" "$failed"
  return $status
}

# Two at a time: one lane for what is shipped, one for the sanitizers.
lane_shipped() {
  run_stage build || return
  run_stage core
  run_stage specs
  run_stage core_valgrind
  run_stage specs_valgrind
}

lane_others() {
  run_stage format
  run_stage luacheck
  run_stage cppcheck
  run_stage build_sanitized && {
    run_stage core_sanitized
    run_stage specs_sanitized
  }
  run_stage tidy
  run_stage rock
  [ ! -d "$build/release/quayside" ] || run_stage specs_valgrind_2
}

show_failures() {
  for mark in "$work"/*.failed; do
    [ -f "$mark" ] || continue
    name=$(basename "$mark" .failed)
    printf '\n--- %s\n' "$name"
    tail -n "${QUAYSIDE_LOG_LINES:-200}" "$work/$name.log"
  done
}

sum_up() {
  passed=0
  failed=0
  for counts in "$work"/*.count; do
    read -r more_passed more_failed <"$counts"
    passed=$((passed + more_passed))
    failed=$((failed + more_failed))
  done
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

install_packages || exit 1
mkdir -p "$build"
lane_others &
lane_shipped
wait
[ -f "$work/build.failed" ] || {
  run_stage examples
  run_stage docs
}
show_failures
sum_up
