#!/bin/sh
# Makes the image {{image}}:local from src/main.c. Needs a C compiler and a running Docker engine, and no registry.
set -eu
cd "$(dirname "$0")"
mkdir -p build
"${CC:-cc}" -static -Os -s -Wall -Wextra -o build/main src/main.c
docker build --tag {{image}}:local .
