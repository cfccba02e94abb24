#!/bin/sh
# make bench: builds hythe as `make install` does, and the load generator, then runs bench.py with what was in ARGS (--quick, --only, --json FILE, ...).
set -eu
cd "$(dirname "$0")/.."
python3 -B scripts/trained.py build/bench -Dbench=true
exec python3 bench/bench.py --build build/bench "$@"
