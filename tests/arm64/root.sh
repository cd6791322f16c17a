#!/usr/bin/env bash
# Makes FOLDER: in FOLDER/root Debian's Python for arm64, unpacked and not installed, and FOLDER/qemu, which runs it.
#
#   tests/arm64/root.sh FOLDER
#
# Packages come from where this machine gets its own, with lists and caches apart from the machine's. It needs apt.
set -euo pipefail

SUITE=trixie # its QEMU is linked statically
PYTHON=(python3 libstdc++6)

main() {
  local folder=$1 host
  host=$(dpkg --print-architecture)
  rm -rf "$folder.part"
  mkdir -p "$folder.part"
  cd "$folder.part"
  configure_apt "$host"
  apt update -qq
  apt install --yes --download-only --no-install-recommends "${PYTHON[@]}" >/dev/null
  mkdir -p root/usr/{bin,lib,sbin} root/{dev,etc,proc,srv,sys,tmp}
  for name in bin lib sbin; do ln -s "usr/$name" "root/$name"; done
  for package in packages/archives/*.deb; do dpkg -x "$package" root; done
  (cd packages && apt download -qq "qemu-user:$host" 2>/dev/null && dpkg -x qemu-user_*.deb qemu)
  cp packages/qemu/usr/bin/qemu-aarch64 qemu
  rm -r packages
  cd "$OLDPWD"
  rm -rf "$folder"
  mv "$folder.part" "$folder"
}

# As if this machine were an empty arm64 one.
configure_apt() {
  mkdir -p packages/{lists,archives}/partial
  : >packages/status
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(archive) $SUITE main" >packages/sources.list
  local here=$PWD/packages
  OPTIONS=(
    -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "APT::Architectures::=$1" -o APT::Sandbox::User=root
    -o Dir::Etc::sourcelist="$here/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::status="$here/status"
    -o Dir::State::lists="$here/lists" -o Dir::Cache::archives="$here/archives"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1
  )
}

apt() {
  apt-get "${OPTIONS[@]}" "$@"
}

# Where this machine installs its own packages from.
archive() {
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | sort -u | head -1
}

main "$@"
