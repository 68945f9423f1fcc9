#!/bin/sh
# Makes the image lilypad-hello:local from src/hello.c. Needs a C compiler and a running Docker engine, and no registry.
set -eu
cd "$(dirname "$0")"
image=lilypad-hello:local
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/outputs"
"${CC:-cc}" -static -Os -s -Wall -Wextra -o "$root/hello" src/hello.c
before=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
tar -C "$root" --owner=0 --group=0 --sort=name --mtime=@0 -c . |
    docker import --change 'ENTRYPOINT ["/hello"]' - "$image"
# The image that had the name before is of no use without one.
if [ -n "$before" ] && [ "$(docker image inspect --format '{{len .RepoTags}}' "$before" 2>/dev/null)" = 0 ]; then
    docker image rm "$before" >/dev/null || echo "the former image $before is still in use" >&2
fi
