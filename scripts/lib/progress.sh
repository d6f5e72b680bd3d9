# shellcheck shell=bash
# What a script is at, in one line: one that is written over on a terminal, plain lines elsewhere. To be sourced.

# at WHAT — says what comes now.
at() {
  if [[ -t 1 ]]; then printf '\r\033[K%s …' "$1"; else echo "$1 …"; fi
}

# over — takes away what at() has said, where it is written over.
over() {
  [[ ! -t 1 ]] || printf '\r\033[K'
}

# follow WHAT LOG — reads what ninja or CMake's make print, keeps it in LOG, and says how far they are. LOG.steps is there
# in the end when something was built, with how many steps it took where that is known.
follow() {
  local line done='' total=''
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$2"
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
      [[ -n $total || -t 1 ]] || at "building $1"
      done=${BASH_REMATCH[1]}/${BASH_REMATCH[2]} total=${BASH_REMATCH[2]}
    elif [[ $line =~ ^\[\ *([0-9]+%)\] ]]; then
      [[ -n $done || -t 1 ]] || at "building $1"
      done=${BASH_REMATCH[1]}
    else
      continue
    fi
    [[ ! -t 1 ]] || printf '\r\033[Kbuilding %s %s' "$1" "$done"
  done
  over
  [[ -z $done ]] || echo "${total:+, $total steps}" >"$2.steps"
}

# follow_tests WHAT LOG — reads what ctest prints, keeps it in LOG, and says how many tests have ended: after each where that
# is written over, after every hundredth elsewhere.
follow_tests() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$2"
    [[ $line =~ ^\ *([0-9]+)/([0-9]+)\ Test\  ]] || continue
    [[ ! -t 1 && ${BASH_REMATCH[1]} != *00 ]] || at "$1: ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}"
  done
  over
}

# building WHAT CMD… — runs a build, says how far it is, and how long it took, and shows what it printed when it
# fails; returns its status. Silent when there is nothing to build.
building() {
  local what=$1 log follower output status=0 start=$SECONDS
  shift
  log=$(mktemp)
  exec {output}> >(follow "$what" "$log")
  follower=$!
  "$@" >&"$output" 2>&1 || status=$?
  exec {output}>&-
  wait "$follower" || true
  if ((status != 0)); then
    cat "$log" >&2
    echo "${0##*/}: failed ($status): $*" >&2
  elif [[ -f $log.steps ]]; then
    echo "built $what$(<"$log.steps"), in $((SECONDS - start)) s"
  fi
  rm -f "$log" "$log.steps"
  return "$status"
}
