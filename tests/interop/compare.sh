#!/usr/bin/env bash
# The same random operations on our server and on Debian's smbd: Samba's gentest (CREATE, READ, WRITE, LOCK, FLUSH, every level of
# QUERY_INFO and SET_INFO), and what its locktest and masktest do, which speak SMB1 only, by programs of our own over SMB2
# (lock_compare.c, mask_compare.c). Every answer must be the same or explained in docs/differences.md (gentest_rules.py).
# BEGIN leaves out what comes before that operation, to look at a difference again (with HISTORY, and the others' seeds left out).
# OPERATIONS of each of the SEEDS (default 300 and 1; the long run: OPERATIONS=10000 SEEDS='1 2 3'). Prints `ok NAME` or `not ok NAME`.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export HYTHE_PASSWORD='compare-pass-Word-1'
OPERATIONS=${OPERATIONS:-300}
SEEDS=${SEEDS:-1}
# Neither guest nor root, to whom smbd grants everything, and there on every system.
smbd_user=daemon
tools=${HYTHE_TESTS:-$(dirname "$HYTHE")/../../tests}/interop
if ! smbd_can_run; then
	skip compare/smbd "smbd needs root, and the package samba"
	exit 0
fi

mkdir -p "$work/ours" "$work/theirs" "$work/state"
chmod 711 "$work"
chown "$smbd_user" "$work/theirs" "$work/ours"
# posix locking = no: without it smbd cannot lock what it has not opened for writing. stat cache: it gives new files the case of old ones.
start_smbd theirs <<CONF
	posix locking = no
	strict locking = yes
	mangled names = no
	stat cache = no
	ea support = yes
	store dos attributes = yes
	map archive = no
	hide dot files = no
	dos filemode = yes
	strict rename = yes
	strict allocate = no
	create mask = 0777
	directory mask = 0777
	vfs objects = acl_xattr streams_xattr
	acl_xattr:ignore system acls = yes
[compared]
	path = $work/theirs
CONF
printf '[server]\nsigning = enabled\n[share compared]\npath = %s\n' "$work/ours" >"$work/ours.conf"
start_hythe ours --config "$work/ours.conf" --state "$work/state" --user "$smbd_user" || exit 1

# compare NAME COMMAND...
compare() {
	check "$@"
	sed 's/^/# /' "$work/case.out" | tail -n "$([ -n "${HISTORY:-}" ] && echo 2000 || echo 40)"
}

random_operations() { python3 -B "$here/gentest.py" --operations "$OPERATIONS" --begin "${BEGIN:-0}" --roots "$work/ours" "$work/theirs" "$smbd_user" "$HYTHE_PASSWORD" compared "$ours" "$theirs" "${seeds[@]}" -- "$@"; }

read -ra seeds <<<"$SEEDS"
if ! command -v gentest >/dev/null; then
	skip compare/gentest "gentest is not installed (package samba-testsuite)"
else
	compare compare/gentest random_operations
	compare compare/gentest_valid random_operations --valid
fi
# These are faster by far.
many=$((OPERATIONS * 10 > 10000 ? 10000 : OPERATIONS * 10))
for program in lock mask; do
	if [ ! -x "$tools/${program}_compare" ]; then
		skip "compare/$program" "$tools/${program}_compare is not there: a build without tests"
		continue
	fi
	compare "compare/$program" "$tools/${program}_compare" "$smbd_user" compared "$ours" "$theirs" "$many" "${seeds[@]}"
done
[ "$failures" = 0 ]
