# Sourced by run.sh and counts.sh from the bench folder: builds what is
# measured.
#
# QUAYSIDE_BUILD names a build tree that stands already (it holds
# quayside/core.so); without it one is made under build/.

# Renamed into place, so that a run under way elsewhere keeps its program.
build_c() {
  mkdir -p build
  for program in load raw; do
    cc -O2 -std=c11 -Wall -Wextra -o "build/$program.$$" \
      "$program"/*.c common/*.c
    mv -f "build/$program.$$" "build/$program"
  done
}

build_quayside() {
  cmake -S .. -B build/quayside -DCMAKE_BUILD_TYPE=Release \
    -DQS_TESTS=OFF >build/cmake.log 2>&1 &&
    cmake --build build/quayside >>build/cmake.log 2>&1
}

find_quayside() {
  if [ -z "${QUAYSIDE_BUILD:-}" ]; then
    build_quayside || echo "quayside: not built, see bench/build/cmake.log" >&2
    QUAYSIDE_BUILD=$PWD/build/quayside
  fi
  export QUAYSIDE_BUILD
}

build_c
find_quayside
