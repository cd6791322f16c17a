#!/usr/bin/env bash
# Runs a command beside a Docker engine: the one that answers, else Debian's own, started for this command alone.
#
#   docker/engine.sh COMMAND [ARGUMENT...]
#
# Debian's engine is unpacked into ENGINE_HOME, not installed. It listens on a socket there, leaves the machine's
# firewall alone, has no default bridge (builds use the host's network) and ends with the command. It needs root
# on Debian 12.
set -euo pipefail

export ENGINE_HOME=${ENGINE_HOME:-/var/tmp/autocomplete-engine}
SUITE=trixie # bookworm has no compose v2; these are Go programs that run on bookworm's C library

main() {
  if docker info >/dev/null 2>&1; then
    "$@"
  else
    [ -x "$ENGINE_HOME/root/usr/sbin/dockerd" ] || unpack_engine
    start_engine
    "$@"
  fi
}

install_packages() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "no Docker engine answers, and starting Debian's needs root on Debian" >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    debootstrap iptables runc ca-certificates >/dev/null
}

unpack_engine() {
  echo "no Docker engine answers: unpacking Debian's into $ENGINE_HOME"
  install_packages
  mkdir -p "$ENGINE_HOME/packages/lists/partial" "$ENGINE_HOME/config/cli-plugins"
  cd "$ENGINE_HOME/packages"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(archive) $SUITE main" >sources.list
  local options=(
    -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$PWD/lists"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root
  )
  apt-get "${options[@]}" update -qq
  apt-get "${options[@]}" download -qq docker.io docker-cli containerd tini docker-buildx docker-compose
  local package
  for package in *.deb; do dpkg -x "$package" "$ENGINE_HOME/root.part"; done
  cp "$ENGINE_HOME"/root.part/usr/libexec/docker/cli-plugins/* "$ENGINE_HOME/config/cli-plugins/"
  mv "$ENGINE_HOME/root.part" "$ENGINE_HOME/root"
  cd "$OLDPWD"
}

# Where this machine installs its own packages from.
archive() {
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | sort -u | head -1
}

start_engine() {
  export PATH=$ENGINE_HOME/root/usr/bin:$ENGINE_HOME/root/usr/sbin:/usr/sbin:$PATH
  export DOCKER_HOST=unix://$ENGINE_HOME/docker.sock DOCKER_CONFIG=$ENGINE_HOME/config BUILD_NETWORK=host
  echo '{}' >"$ENGINE_HOME/daemon.json" # the machine's own configuration is another engine's
  setsid dockerd --config-file "$ENGINE_HOME/daemon.json" --host "$DOCKER_HOST" \
    --data-root "$ENGINE_HOME/data" --exec-root "$ENGINE_HOME/run" --pidfile "$ENGINE_HOME/dockerd.pid" \
    --iptables=false --ip6tables=false --bridge=none --exec-opt native.cgroupdriver=cgroupfs \
    >"$ENGINE_HOME/dockerd.log" 2>&1 &
  ENGINE=$!
  trap stop_engine EXIT
  for _ in $(seq 150); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$ENGINE" || { tail -5 "$ENGINE_HOME/dockerd.log" >&2; exit 1; }
    sleep 0.2
  done
  docker version -f 'engine started for this command: Docker {{.Server.Version}}'
}

stop_engine() {
  kill "$ENGINE"
  wait "$ENGINE" || true
}

main "$@"
