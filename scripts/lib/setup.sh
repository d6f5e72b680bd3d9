# shellcheck shell=bash
# Helpers for the scripts in this folder's parent: what has to be on a Debian machine, and how the module is built.
# To be sourced by bash scripts that run with "set -euo pipefail". Every helper is silent when there is nothing to do.

mediasync_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # where Debian keeps nginx; not in every user's PATH

# shellcheck source=progress.sh
source "$mediasync_root/scripts/lib/progress.sh"
# shellcheck source=control.sh
source "$mediasync_root/scripts/lib/control.sh"
# What to build and run the module, in Debian's package names.
mapfile -t mediasync_build_packages < <(printf '%s\n' g++ ninja-build nginx && build_dependencies nodoc)

# fail MESSAGE… — prints the message under the script's name and ends it.
fail() {
  over
  echo "${0##*/}: $*" >&2
  exit 1
}

# quiet CMD… — runs CMD and shows what it printed only when it fails; returns its status.
quiet() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    over
    cat "$log" >&2
    echo "${0##*/}: failed ($status): $*" >&2
  fi
  rm -f "$log"
  return "$status"
}

# as_root CMD… — runs CMD as root, through sudo when need be.
as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo "$@"
  fi
}

can_be_root() {
  ((EUID == 0)) || { command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; }
}

# missing_packages PKG… — prints those that are not installed, one a line.
missing_packages() {
  # dpkg-query fails when it does not know one of them, which is what is asked for.
  { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } | sed -n 's/^installed //p' |
    sort -u | comm -13 - <(printf '%s\n' "$@" | sort -u)
}

# need_packages PKG… — installs the Debian packages that are missing. No service is started or restarted by it.
need_packages() {
  command -v dpkg-query >/dev/null || fail "this needs Debian's packages, or their like: $*"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  can_be_root || fail "missing packages; as root run: apt-get install ${missing[*]}"
  at "installing ${missing[*]}"
  install_packages "${missing[@]}" || fail "could not install the packages; try: apt-get install ${missing[*]}"
  over
}

# Debian's packages of NGINX and HAProxy start services of their own. A policy that forbids services to start keeps them
# from that, and keeps those that run already from being restarted.
install_packages() (
  policy=/usr/sbin/policy-rc.d
  services=$(missing_packages nginx haproxy)
  if [[ ! -e $policy ]]; then
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  apt_install() {
    quiet as_root timeout --foreground -k 30 900 env DEBIAN_FRONTEND=noninteractive apt-get -qq \
      -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" </dev/null
  }
  # A fresh machine knows no packages, an old one knows packages that are gone: then the lists need an update.
  apt_install "$@" 2>/dev/null ||
    { quiet as_root timeout --foreground -k 30 300 apt-get -qq update && apt_install "$@"; } || exit 1
  # Nor shall they start with the next boot, when they came only for us.
  if [[ -n $services ]] && command -v systemctl >/dev/null; then
    # shellcheck disable=SC2086 # names, one a line
    as_root systemctl disable $services >/dev/null 2>&1 || true
  fi
)

# need_node — a Node.js of at least version 18.19, as Debian 12 has it, with npm.
need_node() {
  local is_old='const [major, minor] = process.versions.node.split("."); process.exit(major < 18 || (major == 18 && minor < 19) ? 1 : 0)'
  if command -v npm >/dev/null && node -e "$is_old" 2>/dev/null; then
    return
  fi
  need_packages nodejs npm
}

# build_module DIR [CMAKE_ARGS…] — builds DIR/ngx_http_mediasync_module.so, a Release build unless the arguments say
# otherwise.
build_module() {
  local dir=$1 generator=()
  shift
  [[ -f $dir/CMakeCache.txt ]] || generator=(-G Ninja)
  quiet cmake -S "$mediasync_root" -B "$dir" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
    -DMEDIASYNC_BUILD_TESTS=OFF -DMEDIASYNC_BUILD_FUZZERS=OFF "$@" || return
  building "the module" cmake --build "$dir" --target ngx_http_mediasync_module || return
  [[ -f $dir/ngx_http_mediasync_module.so ]] || fail "the build made no $dir/ngx_http_mediasync_module.so"
}

# npm_ci DIR — what DIR/package-lock.json names, in DIR/node_modules.
npm_ci() {
  at "fetching the npm packages of ${1#"$mediasync_root/"}"
  local status=0
  quiet npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund || status=$?
  over
  if ((status != 0)); then
    echo "${0##*/}: npm could not fetch them. Is its registry reachable? npm --prefix ${1#"$mediasync_root/"} ping says" >&2
    return "$status"
  fi
  cp "$1/package-lock.json" "$1/node_modules/.installed-lock.json"
}

# install_web_libraries — what the watch page loads from web/node_modules, as the lock file says.
install_web_libraries() {
  local web=$mediasync_root/web
  cmp -s "$web/package-lock.json" "$web/node_modules/.installed-lock.json" && return
  npm_ci "$web"
}

# install_test_libraries — the clients that the tests use, as the lock file says.
install_test_libraries() {
  local dir=$mediasync_root/tests/client
  cmp -s "$dir/package-lock.json" "$dir/node_modules/.installed-lock.json" && return
  npm_ci "$dir"
}
