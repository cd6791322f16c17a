#!/usr/bin/env bash
# Builds the image `autocomplete:local`, or the one that IMAGE names, from this tree.
#
#   IMAGE_MODEL=local docker/build.sh   takes the model in models/artifacts instead of building it anew
set -euo pipefail
cd "$(dirname "$0")/.."

image=${IMAGE:-autocomplete:local}
base=$(docker/base.sh python "${BASE:-python:3.11-slim-bookworm}")
docker build \
  --network "${BUILD_NETWORK:-default}" \
  --build-arg BASE="$base" \
  --build-arg MODEL="${IMAGE_MODEL:-built}" \
  --build-arg VERSION="$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" \
  --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct 2>/dev/null || echo 0)" \
  --tag "$image" .
docker image inspect -f "$image: {{.Size}} bytes" "$image"
