# shellcheck shell=bash
# How the Debian packages are built. To be sourced after setup.sh, by scripts that stand in the root of the tree.

package_folder=build/package

need_package_tools() {
  local dependencies
  mapfile -t dependencies < <(build_dependencies)
  need_packages "${dependencies[@]}" build-essential debhelper dpkg-dev fakeroot git xz-utils
}

# pack TARBALL PREFIX — packs the files named on standard input, each ended by NUL, the same each time they are the same.
pack() {
  tar --create --file "$1" --use-compress-program 'xz -3 -T0' --transform "s,^,$2/," --sort name \
    --mtime "@$SOURCE_DATE_EPOCH" --owner 0 --group 0 --numeric-owner --mode u+rw,go=u-w --no-recursion --null --files-from -
}

# make_tarballs VERSION — the two parts of the sources: this tree, and what comes from npm, which a build without network
# cannot fetch.
make_tarballs() {
  local name=$package_folder/mediasync_$1.orig
  git ls-files -z --cached ':!debian' | pack "$name.tar.xz" "mediasync-$1" || return
  quiet node web/vendor.mjs "$package_folder/vendor" || return
  (cd "$package_folder/vendor" && find . -type f -printf '%P\0' | pack "../mediasync_$1.orig-vendor.tar.xz" "mediasync-$1-vendor")
}

# package_inputs — a sum of all that the packages are made of.
package_inputs() {
  {
    git ls-files -z --cached | xargs -0 sha256sum
    dpkg-query -W nginx-dev
    c++ --version
    echo "${DEB_BUILD_OPTIONS:-} ${DEB_CXXFLAGS_APPEND:-}"
  } | sha256sum
}

# share_compiled DIR — objects that are compiled at the same place in another tree, with the same flags, are found again.
# debhelper gives the build a home of its own, where a cache would not be found.
share_compiled() {
  command -v ccache >/dev/null || return 0
  CCACHE_DIR=$(ccache --get-config cache_dir)
  export CCACHE_DIR CCACHE_BASEDIR=$1 CCACHE_NOHASHDIR=1
}

# package_tree — the folder in which the packages are built.
package_tree() {
  local version
  version=$(dpkg-parsechangelog -S Version)
  echo "$PWD/$package_folder/mediasync-${version%-*}"
}

# lay_out_sources TREE — the sources in TREE, with debian/, and their two tarballs beside it. The rest of $package_folder is
# removed.
lay_out_sources() {
  local tree=$1 version=${1##*/mediasync-} SOURCE_DATE_EPOCH
  SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -S Timestamp)
  export SOURCE_DATE_EPOCH
  install_web_libraries || return
  rm -rf "$package_folder"
  mkdir -p "$tree/vendor"
  make_tarballs "$version" || return
  tar -xf "$package_folder/mediasync_$version.orig.tar.xz" -C "$tree" --strip-components 1 || return
  cp -R debian "$tree/" || return
  tar -xf "$package_folder/mediasync_$version.orig-vendor.tar.xz" -C "$tree/vendor" --strip-components 1
}

# build_packages — $package_folder/*.deb and the source package, unless they are made of what is here.
build_packages() {
  local tree inputs
  [[ ${DEB_BUILD_OPTIONS:-} == *parallel=* ]] || export DEB_BUILD_OPTIONS="parallel=$(nproc) ${DEB_BUILD_OPTIONS:-}"
  inputs=$(package_inputs)
  [[ $(cat "$package_folder/inputs" 2>/dev/null) != "$inputs" ]] || return 0
  tree=$(package_tree)
  lay_out_sources "$tree" || return
  (share_compiled "$tree" && building "the packages" env -C "$tree" dpkg-buildpackage -us -uc) || return
  echo "$inputs" >"$package_folder/inputs"
}

# newer_package FILE TARGET — the same package as FILE under a higher version.
newer_package() {
  local content
  content=$(mktemp -d)
  dpkg-deb -R "$1" "$content"
  sed -i 's/^Version: .*/&+newer1/' "$content/DEBIAN/control"
  quiet dpkg-deb --root-owner-group -b "$content" "$2"
  rm -rf "$content"
}

# lint_packages — fails when lintian finds errors.
lint_packages() {
  quiet lintian --allow-root --fail-on error "$package_folder"/*.changes
}
