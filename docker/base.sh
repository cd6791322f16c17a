#!/usr/bin/env bash
# Prints the image to build on or to run: the published one, or where it cannot be pulled a stand-in with the same
# layout, made from Debian's packages (needs root on Debian 12). Says on standard error which of them it is.
#
#   docker/base.sh python IMAGE       e.g. python:3.11-slim-bookworm
#   docker/base.sh prometheus IMAGE   e.g. prom/prometheus:v3.5.0
set -euo pipefail

ENGINE_HOME=${ENGINE_HOME:-/var/tmp/autocomplete-engine}

main() {
  local kind=$1 image=$2 stand_in=stand-in/$1:bookworm
  if docker image inspect "$image" >/dev/null 2>&1 || timeout 600 docker pull --quiet "$image" >/dev/null 2>&1; then
    echo "$image: the published image" >&2
    echo "$image"
  else
    echo "$image cannot be pulled: a stand-in from Debian's packages takes its place" >&2
    docker image inspect "$stand_in" >/dev/null 2>&1 || "make_$kind" "$stand_in" >&2
    echo "$stand_in"
  fi
}

make_python() {
  local root=$ENGINE_HOME/base
  rm -rf "$root" && mkdir -p "$root"
  debootstrap --variant=minbase --include=ca-certificates,python3 bookworm "$root" "$(archive)" >"$root.log"
  trust_certificates "$root"
  install_pip "$root"
  find "$root"/usr/share/{doc,man,info,locale} "$root"/var/{cache,log,lib/apt/lists} -type f ! -name copyright -delete
  tar -C "$root" --exclude='./dev/*' -c . | docker import \
    --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["python3"]' - "$1" >/dev/null
  rm -rf "$root"
}

# As in the published image: the interpreter and pip under /usr/local.
install_pip() {
  local packages=$1/usr/local/lib/python3.11/site-packages name
  mkdir -p "$packages"
  rm -rf "$1/usr/local/lib/python3.11/dist-packages"
  ln -s site-packages "$1/usr/local/lib/python3.11/dist-packages"
  rm -f "$1/usr/lib/python3.11/EXTERNALLY-MANAGED"
  for name in python python3 python3.11; do ln -sf /usr/bin/python3.11 "$1/usr/local/bin/$name"; done
  python3 -m pip install --quiet --no-compile --root-user-action ignore --target "$packages" pip==24.0
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$1/etc/pip.conf"
  local index
  if index=$(python3 -m pip config get global.index-url 2>/dev/null); then echo "index-url = $index" >>"$1/etc/pip.conf"; fi
}

# A machine behind a proxy of its own trusts more authorities than Debian does.
trust_certificates() {
  find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$1/usr/local/share/ca-certificates/" \;
  chroot "$1" update-ca-certificates >/dev/null
}

make_prometheus() {
  local files=$ENGINE_HOME/prometheus base
  rm -rf "$files" && mkdir -p "$files"
  (cd "$files" && apt-get -o APT::Sandbox::User=root download -qq prometheus && dpkg -x prometheus_*.deb .)
  base=$(main python python:3.11-slim-bookworm)
  docker build --quiet --network "${BUILD_NETWORK:-default}" --tag "$1" --file - "$files" >/dev/null <<EOF
FROM $base
COPY usr/bin/prometheus usr/bin/promtool /bin/
RUN mkdir /prometheus && chown nobody /prometheus
USER nobody
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
EOF
  rm -rf "$files"
}

# Where this machine installs its own packages from.
archive() {
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | sort -u | head -1
}

main "$@"
