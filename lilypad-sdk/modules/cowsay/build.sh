#!/bin/sh
# Builds cowsay.wasm from src/cowsay.c and writes its hash into the template.
# Needs, on Debian: clang lld wasi-libc libclang-rt-14-dev-wasm32
set -eu
cd "$(dirname "$0")"
clang --target=wasm32-wasi -Os -Wall -Wextra -Werror -Wl,--strip-all -o cowsay.wasm src/cowsay.c
hash=$(sha256sum cowsay.wasm | cut -d' ' -f1)
sed -i "s/\"sha256\": \"[0-9a-f]*\"/\"sha256\": \"$hash\"/" lilypad_module.json.tmpl
echo "cowsay.wasm: $(wc -c <cowsay.wasm) bytes, sha256 $hash"
