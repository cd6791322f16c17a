#!/usr/bin/env bash
# llama.cpp's own server, compiled for this processor from the same source as llama-cpp-python.
# Usage: bench/llama_server.sh VENV; the program becomes VENV/bin/llama-server.
set -euo pipefail
bin=$(realpath "$1")/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk '/^llama-cpp-python==/ { pinned = 1 } pinned { print } pinned && !/\\$/ { exit }' locks/bench.txt > "$work/source.txt"
"$bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary=:all: --require-hashes \
  --dest "$work" --requirement "$work/source.txt"
tar --extract --gzip --directory "$work" --file "$work"/llama_cpp_python-*.tar.gz
# GCC 12 drops the stores of AMX's tile configuration as dead, and the program would crash where there is AMX.
"$bin/cmake" -S "$work"/llama_cpp_python-*/vendor/llama.cpp -B "$work/build" \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS="-fno-dse -fno-tree-dse" -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON -DLLAMA_OPENSSL=OFF \
  -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF
"$bin/cmake" --build "$work/build" --target llama-server --parallel "$(nproc)"
mv "$work/build/bin/llama-server" "$bin/.llama-server.part"
mv "$bin/.llama-server.part" "$bin/llama-server"
