# Sourced by run.sh and counts.sh: whatever way they end, nothing stays.
#
# While a server runs there is a file named after its process id in the
# folder BENCH_RUNNING, which this run alone uses.

runner=

end_all() {
  [ -z "$runner" ] || kill "$runner" 2>/dev/null || true
  for file in "$BENCH_RUNNING"/*.pid; do
    [ -e "$file" ] || continue
    kill "$(basename "$file" .pid)" 2>/dev/null || true
  done
  rm -rf "$BENCH_RUNNING"
}

# In the background, because a shell handles signals only while it waits so.
run_guarded() {
  "$@" </dev/null &
  runner=$!
  status=0
  wait "$runner" || status=$?
  runner=
  return "$status"
}

BENCH_RUNNING=$(mktemp -d)
export BENCH_RUNNING
trap end_all EXIT
trap 'exit 130' INT TERM HUP
