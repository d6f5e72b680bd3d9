# shellcheck shell=bash
# NGINX's own way of building modules. To be sourced after setup.sh and package.sh, by scripts that stand in the root of the
# tree.

# distribution_flags NAME — what debian/rules compiles with. The same flags here let what one has compiled be used by the
# other; nothing else depends on it.
distribution_flags() {
  DEB_BUILD_MAINT_OPTIONS=hardening=+all DEB_CXXFLAGS_MAINT_APPEND='-Wdate-time -D_FORTIFY_SOURCE=2' dpkg-buildflags --get "$1"
}

configured_module=build/configure/ngx_http_mediasync_module.so

# build_by_configure — $configured_module: for the NGINX of this Debian, optimised as in its package.
build_by_configure() (
  objs=$PWD/build/configure
  root=$PWD
  nginx=/usr/share/nginx/src
  share_compiled "$root"
  CFLAGS=$(distribution_flags CFLAGS)
  CXXFLAGS=$(distribution_flags CXXFLAGS)
  export CFLAGS CXXFLAGS
  # shellcheck source=/dev/null
  source "$nginx/conf_flags"
  # A second ./configure would have everything compiled again that includes its headers.
  configured=$(sha256sum config config.make "$nginx/conf_flags" "$nginx/src/core/nginx.h" && echo "$CFLAGS $CXXFLAGS")
  if [[ $(cat "$objs/configured" 2>/dev/null) != "$configured" ]]; then
    rm -rf "$objs"
    mkdir -p "$objs"
    quiet env -C "$nginx" ./configure "${NGX_CONF_FLAGS[@]}" --with-cc-opt=-O0 --builddir="$objs" \
      --add-dynamic-module="$root" || return
    echo "$configured" >"$objs/configured"
  fi
  building "the module by ./configure" make -j"$(nproc)" -C "$nginx" -f "$objs/Makefile" modules
)
