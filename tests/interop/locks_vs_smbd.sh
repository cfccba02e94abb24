#!/usr/bin/env bash
# The same random locks on our server and on Debian's smbd (tests/interop/lock_compare.c): every answer must be the same. OPERATIONS of
# each of the SEEDS (default 10,000 and 1 2 3). Prints `ok NAME` or `not ok NAME`.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export HYTHE_PASSWORD='locks pass-Word 1'
compare=$(dirname "$HYTHE")/../../tests/interop/lock_compare
if [ ! -x "$compare" ]; then
	skip locks/smbd "$compare is not there: a build without tests"
	exit 0
fi
if ! smbd_can_run; then
	skip locks/smbd "smbd needs root, and the package samba"
	exit 0
fi

mkdir -p "$work/ours" "$work/theirs" "$work/state"
# posix locking = no: without it smbd cannot lock what it has not opened for writing.
start_smbd theirs <<CONF
	posix locking = no
	strict locking = yes
[locks]
	path = $work/theirs
CONF
printf '[share locks]\npath = %s\n' "$work/ours" >"$work/ours.conf"
start_hythe ours --config "$work/ours.conf" --state "$work/state" --user root || exit 1

# shellcheck disable=SC2086
check locks/smbd "$compare" root locks "$ours" "$theirs" "${OPERATIONS:-10000}" ${SEEDS:-1 2 3}
cat "$work/case.out"
[ "$failures" = 0 ]
