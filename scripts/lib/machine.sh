# shellcheck shell=bash
# A clean Debian of this machine's release, to install packages into. To be sourced after setup.sh and package.sh, by scripts
# that stand in the root of the tree. All of it is done as root.

chroot_tarball() {
  (. /etc/os-release && echo "build/chroot/$VERSION_CODENAME-$(dpkg --print-architecture).tar")
}

# What an operator's apt-get fetches for the packages; there is no network when they are installed.
chroot_archives=(nginx libnginx-mod-http-lua lua-cjson ca-certificates)

need_chroot_tools() {
  need_packages mmdebstrap debian-archive-keyring iproute2 lintian apparmor systemd
}

# debian_sources — where this machine gets Debian from, for mmdebstrap; nothing for its default.
debian_sources() {
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if [[ -s $file ]]; then
      echo "$file"
      return
    fi
  done
}

# can_isolate — whether namespaces and mounts of one's own are to be had. A container may refuse them.
can_isolate() {
  as_root unshare --mount --net --pid --fork --mount-proc true 2>/dev/null
}

# make_chroot_tarball — makes it when there is none, or when it is a week old.
make_chroot_tarball() {
  local tarball sources options=()
  tarball=$(chroot_tarball)
  [[ -z $(find "$tarball" -mtime -7 2>/dev/null) ]] || return 0
  mkdir -p "${tarball%/*}"
  mapfile -t sources < <(debian_sources)
  at "making a clean Debian in $tarball"
  can_isolate || options+=(--skip=check/canmount,chroot/mount)
  quiet as_root mmdebstrap --mode=root --variant=apt "${options[@]}" \
    --include=init-system-helpers,lsb-base,iproute2 --skip=cleanup/apt \
    --aptopt='Apt::Install-Recommends "false"' --aptopt='APT::Keep-Downloaded-Packages "true"' \
    --customize-hook="chroot \"\$1\" apt-get -y --download-only install ${chroot_archives[*]}" \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" "${tarball%.tar}.new.tar" "${sources[@]}" || return
  over
  mv "${tarball%.tar}.new.tar" "$tarball"
}

# in_chroot_machine DIR PROGRAM… — runs a program with DIR/proc there, and a network and processes of its own, which end
# with it; or, where that is refused, as it is. The program sees MEDIASYNC_ISOLATED=1 or 0.
in_chroot_machine() {
  local dir=$1
  shift
  if can_isolate; then
    as_root env MEDIASYNC_ISOLATED=1 unshare --mount --net --pid --fork --kill-child --mount-proc sh -eu -c '
      mount -t proc proc "$1/proc"
      ip link set lo up
      shift
      "$@"' sh "$dir" "$@"
  else
    echo "Namespaces and mounts are refused here: services are not started by the packages' own scripts."
    as_root env MEDIASYNC_ISOLATED=0 "$@"
  fi
}

# lay_out_machine DIR — a clean Debian in DIR with the packages in /packages, and a newer one of the module in
# /packages/newer.
lay_out_machine() {
  local dir=$1 file module
  make_chroot_tarball || return
  as_root rm -rf "$dir"
  mkdir -p "$dir"
  as_root tar -xf "$(chroot_tarball)" -C "$dir" --numeric-owner || return
  as_root mkdir -p "$dir/packages/newer"
  for file in "$package_folder"/*.deb; do
    [[ $file == *-dbgsym_* ]] || as_root cp "$file" "$dir/packages/"
  done
  module=$(echo "$package_folder"/libnginx-mod-http-mediasync_*.deb)
  newer_package "$module" "$package_folder/newer.package" || return
  as_root mv "$package_folder/newer.package" "$dir/packages/newer/${module##*/}"
}
