# shellcheck shell=bash
# NGINX's own way of building modules. To be sourced after setup.sh and package.sh, by scripts that stand in the root of the
# tree.

# distribution_flags NAME — what debian/rules compiles with. The same flags here let what one has compiled be used by the
# other; nothing else depends on it.
distribution_flags() {
  DEB_BUILD_MAINT_OPTIONS=hardening=+all DEB_CXXFLAGS_MAINT_APPEND='-Wdate-time -D_FORTIFY_SOURCE=2' dpkg-buildflags --get "$1"
}

# build_by_configure — build/configure/ngx_http_mediasync_module.so.
build_by_configure() (
  objs=$PWD/build/configure
  root=$PWD
  mkdir -p "$objs"
  share_compiled "$root"
  CFLAGS=$(distribution_flags CFLAGS)
  CXXFLAGS=$(distribution_flags CXXFLAGS)
  export CFLAGS CXXFLAGS
  quiet env -C /usr/share/nginx/src ./configure --with-compat --with-http_ssl_module --with-threads \
    --with-cc-opt=-O0 --builddir="$objs" --add-dynamic-module="$root" || return
  building "the module by ./configure" make -j"$(nproc)" -C /usr/share/nginx/src -f "$objs/Makefile" modules
)
