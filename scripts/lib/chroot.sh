# shellcheck shell=bash
# Other Debians, each in a folder below build/chroots, made by mmdebstrap and kept between runs: remove build/chroots to
# have them anew. They take root, and mounts that only we see. To be sourced after setup.sh, by scripts that stand in the
# root of the tree.

debian_mirror=${MEDIASYNC_DEBIAN_MIRROR:-http://deb.debian.org/debian}

chroot_of() {
  echo "$mediasync_root/build/chroots/$1"
}

# why_no_chroots — says what keeps us from making chroots; nothing when they can be made.
why_no_chroots() {
  if ((EUID != 0)); then
    echo "it takes root"
  elif ! unshare --mount mount --bind /usr /mnt 2>/dev/null; then
    echo "this machine refuses mounts"
  fi
}

# What this machine says of lists of packages that may be old, and of clocks that may be wrong.
apt_options() {
  local name value
  for name in Acquire::Check-Valid-Until Acquire::Check-Date; do
    value=
    eval "$(apt-config shell value "$name")"
    [[ -z $value ]] || printf -- '--aptopt=%s "%s"\n' "$name" "$value"
  done
}

# make_chroot NAME SUITE PACKAGE… [-- OPTION…] — a Debian SUITE with those packages, unless it is there already. The
# options are mmdebstrap's.
make_chroot() {
  local dir made="$2 ${*:3}" suite=$2 packages=() options=()
  dir=$(chroot_of "$1")
  [[ $(cat "$dir.made" 2>/dev/null) != "$made" ]] || return 0
  shift 2
  while (($#)) && [[ $1 != -- ]]; do
    packages+=("$1")
    shift
  done
  mapfile -t options < <(apt_options)
  options+=("${@:2}")
  rm -rf --one-file-system "$dir" "$dir.made"
  mkdir -p "${dir%/*}"
  at "making a Debian $suite in ${dir#"$mediasync_root/"}"
  # What it has mounted goes with it, however it ends.
  quiet unshare --mount mmdebstrap --mode=root --variant=apt --include="$(IFS=, && echo "${packages[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "${options[@]}" "$suite" "$dir" "$debian_mirror" || return
  over
  echo "$made" >"$dir.made"
}

# in_chroot NAME PROGRAM… — runs the program there, in this folder. The tree and the folder for temporary files are where
# they are outside.
in_chroot() {
  (enter_chroot "$@")
}

# enter_chroot NAME PROGRAM… — the same in the place of the shell that asks, which does not return.
enter_chroot() {
  # shellcheck disable=SC2016 # the inner shell expands it
  exec unshare --mount bash -c 'set -euo pipefail
    chroot=$1 tree=$2 temporary=$3
    shift 3
    for folder in /proc /dev "$tree" "$temporary"; do
      mkdir -p "$chroot$folder"
      mount --rbind "$folder" "$chroot$folder"
    done
    exec chroot "$chroot" env -C "$PWD" "$@"' enter_chroot "$(chroot_of "$1")" "$mediasync_root" "${TMPDIR:-/tmp}" "${@:2}"
}
