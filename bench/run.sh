#!/bin/sh
# The whole comparison: builds, measures, prints, draws.  See README.md.
#
# run.sh [--quick] [--case NAME]... [--peer NAME]... [--rounds N] [--slice S]
set -eu
cd "$(dirname "$0")"
. ./guard.sh
. ./build.sh

# The idle case needs 10,000 connections on each side; every sh here has -n.
mkdir -p results
# shellcheck disable=SC3045
ulimit -n "$(ulimit -Hn)"
run_guarded lua5.4 run.lua "$@"
