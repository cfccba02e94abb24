#!/bin/sh
# fuzz-seeds.sh BUILD CORPUS: fills CORPUS/ROW with seeds for the wire targets of the fuzz build directory BUILD: values that the
# generators give and, where HYTHE_SHARED or ../shared has the captures, messages out of those. Called by fuzz/run.sh.
set -eu
build=$1 corpus=$2
mkdir -p "$corpus"
"$build/fuzz/wire/wire_seeds" "$corpus"
for program in captured_seeds captured_seeds_smb1; do
	HYTHE_SEEDS=$corpus "$build/fuzz/wire/$program" >/dev/null || {
		rc=$?
		[ "$rc" = 77 ] || { echo "fuzz-seeds.sh: the captures cannot be read (status $rc)" >&2; exit 1; }
		echo "fuzz-seeds.sh: no captures; seeds are generated ones only" >&2
	}
done
