# shellcheck shell=bash
# The NGINX versions, compilers and machines that the module is for. To be sourced after setup.sh and chroot.sh, by scripts
# that stand in the root of the tree; what is called run_… is of scripts/check, whose means it uses.

# shellcheck disable=SC2034 # for those who source this
mediasync_debians=(trixie sid)

# make_debian SUITE — a chroot with what it takes to build and run the module there.
make_debian() {
  make_chroot "$1" "$1" "${mediasync_build_packages[@]}" clang ccache build-essential
}

# build_in_debian SUITE DIR [CMAKE_ARGS…] — builds DIR/ngx_http_mediasync_module.so in that chroot. Warnings are errors.
build_in_debian() (
  export CCACHE_DIR=$mediasync_root/build/ccache
  building "${2##*/}/ngx_http_mediasync_module.so" in_chroot "$1" bash -c 'set -euo pipefail
    cmake -S . -B "$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMEDIASYNC_BUILD_TESTS=OFF -DCMAKE_COMPILE_WARNING_AS_ERROR=ON \
      -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF "${@:2}"
    cmake --build "$1" --target ngx_http_mediasync_module' build "${@:2}"
)

# build_without_docs SUITE — the packages by Debian's build profile "nodoc", in that chroot, which has no pandoc: those that
# the profile leaves, and none else.
build_without_docs() (
  package_folder=build/versions/nodoc
  tree=$(package_tree)
  lay_out_sources "$tree"
  export CCACHE_DIR=$mediasync_root/build/ccache CCACHE_BASEDIR=$tree CCACHE_NOHASHDIR=1
  export DEB_BUILD_OPTIONS="parallel=$(nproc)"
  building "the packages with nodoc, in Debian $1" in_chroot "$1" env -C "$tree" dpkg-buildpackage -us -uc -b -Pnodoc
  made=$(cd "$package_folder" && printf '%s\n' *.deb | sed 's/_.*//' | grep -v -- '-dbgsym$' | sort | paste -s -d ' ')
  [[ $made == "libnginx-mod-http-mediasync lua-resty-mediasync mediasync-web" ]] || { echo "made $made" >&2 && return 1; }
)

# nginx_of_debian SUITE FILE — makes FILE a program that is the chroot's nginx.
nginx_of_debian() {
  mkdir -p "${2%/*}"
  cat >"$2" <<END
#!/usr/bin/env bash
set -euo pipefail
source "$mediasync_root/scripts/lib/setup.sh"
source "$mediasync_root/scripts/lib/chroot.sh"
enter_chroot $1 nginx "\$@"
END
  chmod 755 "$2"
}

# version_of_nginx PROGRAM — such as "nginx/1.26.3", "Tengine/3.1.0 (nginx/1.24.0)".
version_of_nginx() {
  "$1" -v 2>&1 | sed -n 's/^[A-Za-z]* version: *//p' | head -n 1
}

# version_of_compiler SUITE PROGRAM — such as "14.2.0".
version_of_compiler() {
  in_chroot "$1" "$2" -dumpfullversion -dumpversion
}

# nginx_in_source DIR — the program that was built in the folder of those sources.
nginx_in_source() {
  find "$1/objs" -maxdepth 1 -type f -perm -u+x ! -name '*.so' ! -name 'autotest*' 2>/dev/null | head -n 1
}

# build_for_source SOURCE DIR — builds DIR/ngx_http_mediasync_module.so for the NGINX that was built there. With one DIR for
# several only what sees NGINX is built anew.
build_for_source() {
  build_module "$2" -DNGX_SOURCE="$1" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
}

# make_arm64 — a Debian 12 with a cross compiler, arm64's libraries, an emulator, and NGINX of arm64 below /opt.
make_arm64() {
  # shellcheck disable=SC2016 # mmdebstrap's shell expands it
  make_chroot arm64 bookworm cmake ninja-build ccache make g++-aarch64-linux-gnu qemu-user-static catch2 nlohmann-json3-dev \
    libboost-dev libssl-dev:arm64 zlib1g-dev:arm64 libpcre2-dev:arm64 libstdc++6:arm64 -- --architectures=amd64,arm64 \
    --customize-hook='chroot "$1" sh -euc "cd /opt && apt-get download nginx-dev nginx:arm64 && ls *.deb | xargs -n 1 -I % dpkg -x % ."'
}

# build_arm64 DIR — the unit tests and the module, cross-built. Warnings are errors. Optimised a little: emulated, the tests
# take several times as long without.
build_arm64() (
  export CCACHE_DIR=$mediasync_root/build/ccache
  building "the module and the unit tests for arm64" in_chroot arm64 bash -c 'set -euo pipefail
    dir=$1
    mkdir -p "$dir/nginx"
    # The configure script of NGINX runs what it compiles.
    cat >"$dir/cc" <<"END"
#!/usr/bin/env bash
set -euo pipefail
aarch64-linux-gnu-gcc "$@"
while (($#)) && [[ $1 != -o ]]; do shift; done
[[ -n ${2:-} && $2 != *.o ]] || exit 0
mv "$2" "$2.arm64"
printf "#!/bin/sh\nexec qemu-aarch64-static %s\n" "$(realpath "$2.arm64")" >"$2"
chmod 755 "$2"
END
    chmod 755 "$dir/cc"
    [[ -f $dir/nginx/Makefile ]] || (cd /opt/usr/share/nginx/src && . ./conf_flags &&
      ./configure "${NGX_CONF_FLAGS[@]}" --with-cc="$dir/cc" --builddir="$dir/nginx")
    cmake -S . -B "$dir" -G Ninja -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
      -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
      -DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64-static -DCMAKE_BUILD_TYPE=None \
      -DCMAKE_CXX_FLAGS=-O1 -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DNGX_SOURCE=/opt/usr/share/nginx/src -DNGX_OBJS="$dir/nginx"
    cmake --build "$dir"' build "$1"
)

# load_arm64 DIR — whether NGINX of arm64, emulated, takes the module.
load_arm64() {
  cat >"$1/load.conf" <<END
load_module $1/ngx_http_mediasync_module.so;
events {}
http {
  access_log off;
  client_body_temp_path tmp;
  proxy_temp_path tmp;
  fastcgi_temp_path tmp;
  uwsgi_temp_path tmp;
  scgi_temp_path tmp;
  mediasync_zone zone=z:2m;
}
END
  quiet in_chroot arm64 qemu-aarch64-static /opt/usr/sbin/nginx -t -q -p "$1" -c load.conf -e stderr -g 'pid load.pid;'
}

# try_refusals DIR — whether an NGINX that is too old is refused in a sentence, by CMake and by ./configure. DIR is
# relative to the root of the tree.
try_refusals() {
  local old=$mediasync_root/$1/old said
  mkdir -p "$old/src/core" "$old/objs"
  printf '#define nginx_version      1018000\n#define NGINX_VERSION      "1.18.0"\n' >"$old/src/core/nginx.h"
  said=$(cmake -S . -B "$1/refused" -G Ninja -DMEDIASYNC_BUILD_TESTS=OFF -DNGX_SOURCE="$old" 2>&1) && return 1
  [[ $(tr -s ' \n' ' ' <<<"$said") == *"NGINX 1.18.0 in $old is too old: mediasync needs 1.22.0 or later"* ]] ||
    { echo "$said" >&2 && return 1; }
  said=$(cd "$old" && NGX_OBJS=objs ngx_module_link=DYNAMIC sh -c ". '$mediasync_root/config'" ./configure 2>&1) && return 1
  [[ $said == "./configure: error: NGINX 1.18.0 is too old: mediasync needs 1.22.0 or later" ]] ||
    { echo "$said" >&2 && return 1; }
}

# The NGINX of this machine, with the module as it is released.
run_here() {
  began=$SECONDS
  node_tests "$(version_of_nginx nginx), here" 600 1 tests/versions/smoke.test.mjs
}

# The packages for who has no pandoc.
run_nodoc() {
  began=$SECONDS
  local name="packages with nodoc, Debian $1"
  if library_within 1500 make_debian "$1" && library_within 1500 build_without_docs "$1"; then
    count "$name" 1 0
  else
    count "$name" 0 1
  fi
}

# The NGINX and the compilers of another Debian.
run_debian() {
  began=$SECONDS
  local suite=$1 dir=build/versions/$1 nginx=$PWD/build/versions/$1/nginx-there gcc clang
  library_within 1500 make_debian "$suite" || { count "Debian $suite" 0 1 && return; }
  gcc="gcc $(version_of_compiler "$suite" g++), Debian $suite"
  if library_within 1500 build_in_debian "$suite" "$dir"; then
    nginx_of_debian "$suite" "$nginx"
    NGINX_BIN=$nginx MEDIASYNC_MODULE=$PWD/$dir/ngx_http_mediasync_module.so \
      node_tests "$(version_of_nginx "$nginx"), $gcc" 600 1 tests/versions/smoke.test.mjs
  else
    count "$gcc" 0 1
  fi
  began=$SECONDS
  clang="clang $(version_of_compiler "$suite" clang++), Debian $suite"
  if library_within 1500 build_in_debian "$suite" "$dir-clang" -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang; then
    count "$clang" 1 0
  else
    count "$clang" 0 1
  fi
}

# An NGINX that was built in that folder.
run_source() {
  began=$SECONDS
  local source=$1 dir=build/versions/source nginx
  nginx=$(nginx_in_source "$source")
  if [[ -z $nginx ]]; then
    echo "there is no NGINX in $source/objs: run ./configure and make there" >&2
    count "$source" 0 1
  elif ! library_within 1500 build_for_source "$source" "$dir"; then
    count "$(version_of_nginx "$nginx"), $source" 0 1
  else
    NGINX_BIN=$nginx MEDIASYNC_MODULE=$PWD/$dir/ngx_http_mediasync_module.so \
      node_tests "$(version_of_nginx "$nginx"), $(basename "$source")" 600 1 tests/versions/smoke.test.mjs
  fi
}

# The tests that qemu-user cannot run: it has neither robust mutexes, which tell that their owner died, nor ptrace().
mediasync_not_emulated='its process dies at|its holder is killed|process stands still with it|^a process killed anywhere|others are killed beside|^a worker killed|a debugger looks at it'

# The unit tests on another machine, where characters have no sign. How its memory accesses overtake each other is not
# emulated either.
run_arm64() {
  began=$SECONDS
  local dir=$PWD/build/versions/arm64
  if library_within 1500 make_arm64 && library_within 3000 build_arm64 "$dir" && library_within 120 load_arm64 "$dir"; then
    count "arm64: NGINX takes the module" 1 0
    began=$SECONDS
    ctest_tests "arm64: unit tests" 6000 bash -c 'source scripts/lib/setup.sh; source scripts/lib/chroot.sh; enter_chroot "$@"' \
      check arm64 ctest --test-dir "$dir" --timeout 900 -E "$mediasync_not_emulated"
  else
    count "arm64" 0 1
  fi
}

run_versions() {
  began=$SECONDS
  if library_within 60 try_refusals build/versions; then count "NGINX 1.18 is refused" 1 0; else count "NGINX 1.18 is refused" 0 1; fi
  run_here
  local source why suite
  for source in "${nginx_sources[@]}"; do run_source "$source"; done
  why=$(why_no_chroots)
  if [[ -n $why ]]; then
    echo "other Debians and arm64 are not tried, as $why" >&2
    count "other Debians, arm64" 0 1
    return
  fi
  for suite in "${mediasync_debians[@]}"; do run_debian "$suite"; done
  run_nodoc "${mediasync_debians[0]}"
  run_arm64
}
