#!/bin/sh
# make bench: builds hythe and the load generator, then runs bench.py with what was in ARGS (--quick, --only, --json FILE, ...).
set -eu
cd "$(dirname "$0")/.."
[ -e build/bench/build.ninja ] || meson setup build/bench --buildtype=release -Dwerror=false -Dtests=false -Dbench=true >/dev/null
ninja -C build/bench --quiet
exec python3 bench/bench.py --build build/bench "$@"
