#!/bin/sh
# Makes the image lilypad-hello:local from src/hello.c. Needs a C compiler and a running Docker engine, and no registry.
set -eu
cd "$(dirname "$0")"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/outputs"
"${CC:-cc}" -static -Os -s -Wall -Wextra -o "$root/hello" src/hello.c
tar -C "$root" --owner=0 --group=0 --sort=name --mtime=@0 -c . |
    docker import --change 'ENTRYPOINT ["/hello"]' - lilypad-hello:local
