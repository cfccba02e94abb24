#!/usr/bin/env bash
# Samba's conformance suite against our server, by the runner in $HYTHE_SHARED/conformance.
#   torture.sh             the tests whose row in tests/ledger/smbtorture.csv says pass; prints ok and not ok lines
#   torture.sh all         every test that can run, and takes the results over into the ledger
#   torture.sh RUNG...     the rungs of that number (01 02 ...), or smb1, likewise
# OUT keeps the runner's results. Rungs 04 and later want a file system with user extended attributes (TMPDIR).
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

shared=${HYTHE_SHARED:-$root/../shared}
runner=$shared/conformance/torture.py
OUT=${OUT:-$work/torture.json}
if [ ! -f "$runner" ]; then
	skip smbtorture "$runner is not there"
	exit 0
fi
if ! command -v smbtorture >/dev/null; then
	skip smbtorture "smbtorture is not installed (package samba-testsuite)"
	exit 0
fi

mkdir -p "$work/state"
for share in share share2 share3 share4 dosmode shareadmin nostreams noperm hideunread asset nonotify short kernel kernel2 posixlock dynamic_share; do
	mkdir -p "$work/$share"
	printf '[share %s]\npath = %s%s\n' $share "$work/$share" "$([ $share != dynamic_share ] || echo /%t)"
	case $share in
	shareadmin) echo "admins = torture" ;;
	asset) echo "acl-flags-as-set = yes" ;;
	nostreams) echo "streams = no" ;;
	nonotify) echo "change-notify = no" ;;
	dynamic_share) echo "create-path = yes" ;;
	kernel | kernel2) echo "kernel-oplocks = yes" ;;
	posixlock) echo "mirror-locks = yes" ;;
	short) echo "short-names = yes" ;;
	dosmode) printf 'hide-files = hidefile\n' ;;
	hideunread) echo "access-based-enumeration = yes" ;;
	esac
done >"$work/shares.conf"
{
	printf '[server]\nmin-dialect = 2.0.2\nsigning = enabled\ntest-aids = yes\n'
	cat "$work/shares.conf"
} >"$work/torture.conf"

second=$work/second.conf
printf '[share share]\npath = %s\n' "$work/share" >"$second"
HYTHE_PASSWORD=pass2 start_hythe maker --config "$second" --state "$work/state" --user torture2 || exit 1
stop maker
HYTHE_PASSWORD=pass start_hythe target --config "$work/torture.conf" --state "$work/state" --user torture || exit 1
target_port=$target
# A server that demands signatures, for the tests of that.
sed 's/^signing = .*/signing = required/' "$work/torture.conf" >"$work/strict.conf"
HYTHE_PASSWORD=pass start_hythe strict --config "$work/strict.conf" --state "$work/state" || exit 1

# For the test whose WRITE has fields that nobody has set.
python3 -B "$here/plain_writes.py" 127.0.0.1 "$target_port" >"$work/plain" &
pids+=($!)
for _ in $(seq 50); do
	[ -s "$work/plain" ] && break
	sleep 0.1
done

arguments=()
sed "s/@STRICT@/$strict/; s/@PLAIN@/$(cat "$work/plain")/; s#@WORK@#$work#" "$here/rules-hythe.json" >"$work/rules.json"
arguments+=(--rules "$work/rules.json")
ledger() { python3 -B "$root/scripts/ledger.py" torture "$@"; }

if [ $# = 0 ]; then
	ledger names >"$work/names"
elif [ "$1" = all ]; then
	awk -F, 'NR > 1 { print $1 }' "$root/tests/ledger/smbtorture.csv" >"$work/names"
else
	for rung; do awk -F, -v r="$rung" 'NR > 1 && $2 == r { print $1 }' "$root/tests/ledger/smbtorture.csv"; done >"$work/names"
fi
if [ ! -s "$work/names" ]; then
	skip smbtorture "no row of the ledger says pass"
	exit 0
fi
awk -F, 'NR > 1 && $2 == "smb1" { print $1 }' "$root/tests/ledger/smbtorture.csv" >"$work/old-rows"
grep -Fxf "$work/old-rows" "$work/names" >"$work/old-names"
grep -Fxvf "$work/old-rows" "$work/names" >"$work/new-names"

# NAMES-FILE OUT
run_new() {
	PYTHONDONTWRITEBYTECODE=1 python3 "$runner" --port "$target_port" --share share,share2,share3,share4 --jobs 4 --wipe "$work/share" --wipe "$work/share2" \
		--wipe "$work/share3" --wipe "$work/share4" --user torture --password pass --user2 torture2 --password2 pass2 --tests-file "$1" --ladder \
		--baseline "$shared/conformance/baseline-smbd-4.17.json" --quiet --out "$2" "${arguments[@]}"
}
# What another run says, into $OUT.
merge() {
	python3 - "$OUT" "$1" <<'PY'
import json, os, sys
out, old = sys.argv[1], json.load(open(sys.argv[2]))
if os.path.exists(out):
    new = json.load(open(out))
    new["tests"].update(old["tests"])
    old = new
json.dump(old, open(out, "w"), indent=1)
PY
}
passed() { python3 -c 'import json, sys; sys.exit(json.load(open(sys.argv[1]))["tests"].get(sys.argv[2], {}).get("status") != "pass")' "$OUT" "$1"; }

# NAMES-FILE OUT: the tests of SMB1, which have a server of their own.
run_old() {
	PYTHONDONTWRITEBYTECODE=1 python3 "$runner" --smb1 --port "$old" --share share,share2 --jobs 2 --wipe "$work/share" --wipe "$work/share2" \
		--user torture --password pass --user2 torture2 --password2 pass2 --tests-file "$1" \
		--baseline "$shared/conformance/baseline-smbd-4.17-smb1.json" --quiet --out "$2"
}
# RUN NAMES-FILE: those of them that did not pass and may not have, once more.
again() {
	for name in $racy; do
		! grep -qx "$name" "$2" || passed "$name" || echo "$name"
	done >"$work/again-names"
	[ -s "$work/again-names" ] || return 0
	"$1" "$work/again-names" "$work/again.json" >>"$work/torture.log" 2>&1
	merge "$work/again.json"
}
# Once in a hundred runs what is done on one connection arrives after what is done on the next. basedir then waits for changes that have been made already, and
# disconnect finds the locks still held whose connection has hung up, which the kernel has not told us yet.
racy="smb2.notify.basedir base.disconnect"

if [ -s "$work/new-names" ]; then
	run_new "$work/new-names" "$OUT" >"$work/torture.log" 2>&1
	[ ! -f "$OUT" ] || again run_new "$work/new-names"
fi
if [ -s "$work/old-names" ]; then
	{
		printf '[server]\nsmb1 = yes\nsigning = enabled\n'
		for share in share share2; do printf '[share %s]\npath = %s\nsmb1 = yes\nntlmv1 = yes\n' $share "$work/$share"; done
	} >"$work/smb1.conf"
	HYTHE_PASSWORD=pass start_hythe old --config "$work/smb1.conf" --state "$work/state" || exit 1
	run_old "$work/old-names" "$work/old.json" >>"$work/torture.log" 2>&1
	merge "$work/old.json"
	again run_old "$work/old-names"
	kill -0 "$old_pid" 2>/dev/null || not_ok smbtorture/smb1_server_survives "$(tail -n 30 "$work/old.log")"
fi
kill -0 "$target_pid" 2>/dev/null || not_ok smbtorture/server_survives "$(tail -n 30 "$work/target.log")"

if [ $# -gt 0 ]; then
	cat "$work/torture.log"
	ledger update "$OUT"
	exit 0
fi
[ -f "$OUT" ] || { not_ok smbtorture "$(cat "$work/torture.log")"; exit 1; }
python3 - "$OUT" "$work/names" <<'PY'
import json, sys
got = json.load(open(sys.argv[1]))["tests"]
for name in open(sys.argv[2]).read().split("\n"):
    if name:
        r = got.get(name, {"status": "did not run"})
        print(("ok " if r["status"] == "pass" else "not ok ") + "smbtorture/" + name.replace(" ", "_"))
        if r["status"] != "pass":
            print("   ", r["status"], str(r.get("reason", ""))[:300])
PY
ledger check "$OUT"
