# shellcheck shell=bash
# NGINX's own way of building modules. To be sourced after setup.sh, by scripts that stand in the root of the tree.

# build_by_configure — build/configure/ngx_http_mediasync_module.so.
build_by_configure() {
  local objs=$PWD/build/configure root=$PWD
  mkdir -p "$objs"
  quiet env -C /usr/share/nginx/src ./configure --with-compat --with-http_ssl_module --with-threads \
    --with-cc-opt=-O0 --builddir="$objs" --add-dynamic-module="$root" || return
  quiet make -C /usr/share/nginx/src -f "$objs/Makefile" modules
}
