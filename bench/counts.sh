#!/bin/sh
# System calls and user instructions for one round trip, which hardly vary
# from run to run, against those recorded in counts.txt; fails when one has
# grown by more than a tenth.
#
# counts.sh [--record] [--peer NAME] [--case NAME]
#
# --record writes what was counted to counts.txt instead.
set -eu
cd "$(dirname "$0")"
for tool in strace valgrind; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool is not installed" >&2
    exit 1
  fi
done
. ./guard.sh
. ./build.sh
run_guarded lua5.4 counts.lua "$@"
