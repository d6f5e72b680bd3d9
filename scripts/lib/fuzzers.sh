# shellcheck shell=bash
# How what is sanitized is built, and how the fuzzers are run. To be sourced after setup.sh, by scripts that stand in the
# root of the tree.

# shellcheck disable=SC2034 # for those who source this
# What to build the fuzzers, beside what the module needs.
mediasync_fuzz_packages=(catch2 ccache clang libclang-rt-14-dev lld)
mediasync_fuzz_jobs=${MEDIASYNC_FUZZ_JOBS:-$(nproc)}

# configure_sanitized — build-asan: the unit tests, the fuzzers and a module, all with the same instrumented core. With
# clang: it takes half of gcc's time for this, and is a second opinion.
configure_sanitized() {
  quiet cmake -S . -B build-asan -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DMEDIASYNC_BUILD_TESTS=ON -DMEDIASYNC_BUILD_FUZZERS=ON \
    -DMEDIASYNC_SANITIZE=address,undefined
}

# build_sanitized TARGET… — some of it.
build_sanitized() {
  configure_sanitized || return
  building "what is sanitized" cmake --build build-asan --target "$@"
}

build_fuzzers() {
  configure_sanitized || return
  building "the fuzzers" cmake --build build-asan --target mediasync_fuzzers
}

# list_fuzzers — their names, one a line.
list_fuzzers() {
  local source
  for source in tests/fuzz/*_fuzzer.cc; do basename "$source" .cc; done
}

# run_fuzzer SECONDS LOGS NAME — runs one, with its output in LOGS/NAME.log, and says in a line how it went.
run_fuzzer() {
  local seconds=$1 log=$2/$3.log name=$3 status=0 found=build-asan/fuzz/found/$3 broken=build-asan/fuzz/broken/$3 options=()
  mkdir -p "$found" "$broken"
  [[ ! -f tests/fuzz/$name.dict ]] || options+=(-dict="tests/fuzz/$name.dict")
  # Its weighing of inputs by what is rare in them takes more time than the inputs, where these are long.
  options+=(-entropic=0 -timeout=60 -rss_limit_mb=3000 -max_total_time="$seconds" -print_final_stats=1)
  ASAN_OPTIONS=quarantine_size_mb=64:malloc_context_size=12 \
    timeout --foreground -k 15 $((seconds + 180)) "build-asan/tests/fuzz/$name" "${options[@]}" \
    -artifact_prefix="$broken/" "$found" "tests/fuzz/corpus/$name" >"$log" 2>&1 || status=$?
  local runs input
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  if ((status == 0)); then
    printf '%-28s %10s runs\n' "$name" "$runs"
    return
  fi
  input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  {
    echo "--- $name failed ($status) after ${runs:-?} runs; the whole output is in $log ---"
    grep -aE '^[^ ]*: failed: |runtime error: |^SUMMARY: |ERROR: ' "$log" | head -n 10 || tail -n 20 "$log"
    echo "the input is ${input:-not known}; to run it again: build-asan/tests/fuzz/$name ${input:-INPUT}"
  } >&2
  return 1
}

# run_fuzzers_at_once SECONDS LOGS NAME… — runs all of them, several at a time. 1 when one has failed.
run_fuzzers_at_once() {
  local seconds=$1 logs=$2
  shift 2
  mkdir -p "$logs"
  printf '%s\n' "$@" | xargs -P "$mediasync_fuzz_jobs" -I '{}' \
    bash -c 'set -euo pipefail; source scripts/lib/setup.sh; source scripts/lib/fuzzers.sh; run_fuzzer "$@"' "${0##*/}" \
    "$seconds" "$logs" '{}' || return 1
}

# preload_sanitizers — prints what NGINX, which is not instrumented, has to preload for a module that is.
preload_sanitizers() {
  echo "$(clang++ -print-file-name="libclang_rt.asan-$(uname -m).so"):$(g++ -print-file-name=libstdc++.so)"
}

# run_network_fuzzer SECONDS — hostile clients against the sanitized module.
run_network_fuzzer() {
  configure_sanitized || return
  quiet cmake --build build-asan --target ngx_http_mediasync_module || return
  MEDIASYNC_MODULE=$PWD/build-asan/ngx_http_mediasync_module.so MEDIASYNC_PRELOAD=$(preload_sanitizers) \
    node tests/fuzz/network/run.mjs "$1"
}
