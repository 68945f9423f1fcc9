#!/bin/sh
# Builds main.wasm from src/main.c and writes its hash into the template.
# Needs, on Debian: clang lld wasi-libc libclang-rt-14-dev-wasm32
set -eu
cd "$(dirname "$0")"
clang --target=wasm32-wasi -Os -Wall -Wextra -Werror -Wl,--strip-all -o main.wasm src/main.c
hash=$(sha256sum main.wasm | cut -d' ' -f1)
sed -i.old "s/\"sha256\": \"[0-9a-f]*\"/\"sha256\": \"$hash\"/" lilypad_module.json.tmpl
rm -f lilypad_module.json.tmpl.old
echo "main.wasm: $(wc -c <main.wasm) bytes, sha256 $hash"
