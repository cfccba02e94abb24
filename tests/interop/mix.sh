#!/usr/bin/env bash
# Everybody at once on one tree: two smbclients and the hythe client on the same files, smbtorture's tests and load beside them, for
# some minutes. Meant for a server built with the thread sanitizer:
#   CC=gcc meson setup build/tsan -Dtests=true -Db_lundef=false -Doptimization=1 -Db_sanitize=thread && ninja -C build/tsan
#   HYTHE=build/tsan/src/cli/hythe tests/interop/mix.sh 600
# mix.sh [SECONDS]  (60 without). Passes when the sanitizer has nothing to report, every client kept getting on (none took longer than
# $STUCK seconds, 120, for one round), no connection was lost, and the server ends with status 0. How many of smbtorture's tests
# passed is only told: they are judged by torture.sh, where nobody else is on the server.
set -u
seconds=${1:-60}
stuck=${STUCK:-120}
HYTHE=${HYTHE:-build/tsan/src/cli/hythe}
HYTHE=$(realpath "$HYTHE")
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for tool in smbclient smbtorture; do
	if ! command -v $tool >/dev/null; then
		skip mix "$tool is not installed"
		exit 0
	fi
done

# The thread sanitizer dislikes wide address randomisation.
if ! "$HYTHE" --version >/dev/null 2>&1; then
	printf '#!/bin/sh\nexec setarch -R "%s" "$@"\n' "$HYTHE" >"$work/hythe"
	chmod +x "$work/hythe"
	HYTHE=$work/hythe
fi
export TSAN_OPTIONS="log_path=$work/tsan halt_on_error=0 exitcode=98 second_deadlock_stack=1"
export HYTHE_PASSWORD=pass

mkdir -p "$work/state" "$work/tree/common"
printf '[server]\nmin-dialect = 2.0.2\nsigning = enabled\ntest-aids = yes\n[share tree]\npath = %s\n' "$work/tree" >"$work/mix.conf"
start_hythe target --config "$work/mix.conf" --state "$work/state" --user torture || exit 1
port=$target
head -c 300000 /dev/urandom >"$work/data"
ends=$(($(date +%s) + seconds))

going_on() { [ "$(date +%s)" -lt $ends ]; }
# round NAME: has done one more
round() { echo . >>"$work/rounds.$1"; }
# lost NAME TEXT: what nobody may meet, however many others are at the same files
lost() { printf '%s: %s\n' "$1" "$2" >>"$work/lost"; }
badly='NT_STATUS_CONNECTION_\|NT_STATUS_IO_TIMEOUT\|NT_STATUS_INTERNAL_\|NT_STATUS_INVALID_NETWORK_RESPONSE\|session setup failed\|Broken pipe'

# smb_rounds NAME PROTOCOL OPTION...: puts, reads, renames, deletes and lists files that the others do the same to.
smb_rounds() {
	local name=$1 protocol=$2 i=0 out
	shift 2
	while going_on; do
		i=$((i + 1))
		out=$(timeout "$stuck" smbclient -p "$port" //127.0.0.1/tree -U torture%pass -m "$protocol" "$@" -c \
			"cd common; put $work/data f$((i % 5)); ls; get f$(((i + 1) % 5)) $work/$name.got; rename f$((i % 5)) g$((i % 3)); del g$(((i + 2) % 3)); \
			mkdir d$((i % 2)); put $work/data d$((i % 2))\\f$name; allinfo f$((i % 5)); setmode g$((i % 3)) +a; deltree d$(((i + 1) % 2)); ls *" 2>&1)
		[ $? != 124 ] || lost "$name" "no answer in $stuck s: $out"
		! grep -q "$badly" <<<"$out" || lost "$name" "$(grep "$badly" <<<"$out" | head -n 3)"
		round "$name"
	done
}

hythe_rounds() {
	local i=0 out url=smb://torture@127.0.0.1:$port/tree/common
	while going_on; do
		i=$((i + 1))
		out=$({
			timeout "$stuck" "$HYTHE" put "$work/data" "$url/f$((i % 5))" || [ $? != 124 ] || echo STUCK
			timeout "$stuck" "$HYTHE" get "$url/f$(((i + 2) % 5))" "$work/hythe.got" || [ $? != 124 ] || echo STUCK
			rm -rf "$work/all"
			timeout "$stuck" "$HYTHE" get -r "$url" "$work/all" || [ $? != 124 ] || echo STUCK # many at a time, from answers to requests
			timeout "$stuck" "$HYTHE" tree "$url" || [ $? != 124 ] || echo STUCK
			timeout "$stuck" "$HYTHE" mv "$url/f$((i % 5))" "$url/g$((i % 3))" || [ $? != 124 ] || echo STUCK
			timeout "$stuck" "$HYTHE" rm "$url/g$(((i + 1) % 3))" || [ $? != 124 ] || echo STUCK
		} 2>&1)
		! grep -q "STUCK\|onnection was\|imed out\|internal" <<<"$out" || lost hythe "$(tail -n 5 <<<"$out")"
		rm -f "$work/hythe.got"
		round hythe
	done
}

# Not those that take long, nor notify.basedir, which waits for ever where its connections overtake one another.
torture_tests() {
	awk -F, 'NR > 1 && $4 == "pass" && $1 ~ /^smb2\.(lock|oplock|lease|notify|rename|sharemode|streams|compound)\./ { print $1 }' \
		"$root/tests/ledger/smbtorture.csv" | grep -v 'lease.timeout\|batch22a\|notify.mask\|notify.basedir\|rename_dir_bench' | shuf
	printf 'smb2.bench.oplock1\nsmb2.bench.path-contention-shared\nsmb2.bench.echo\n'
}

torture_rounds() {
	local name test out
	while going_on; do
		torture_tests >"$work/names.$1"
		while read -r test && going_on; do
			out=$(timeout -k 5 "$stuck" smbtorture //127.0.0.1/tree -p "$port" -U torture%pass --basedir="$work" --option=torture:timelimit=10 \
				--option=torture:share2=tree "$test" 2>&1 </dev/null)
			[ $? != 124 ] || lost "smbtorture $test" "did not end in $stuck s"
			grep -q '^success: ' <<<"$out" && echo "$test" >>"$work/passed"
			echo "$test" >>"$work/ran"
			round "$1"
		done <"$work/names.$1"
	done
}

names=(client1 client2 hythe torture)
for n in "${names[@]}"; do : >"$work/rounds.$n"; done
: >"$work/passed"
: >"$work/ran"
smb_rounds client1 SMB3_11 --client-protection=encrypt &
clients=($!)
smb_rounds client2 SMB2_10 --client-protection=sign &
clients+=($!)
hythe_rounds &
clients+=($!)
torture_rounds torture &
clients+=($!)

# The watchdog: rounds must become more.
declare -A seen since
while going_on; do
	sleep 1
	now=$(date +%s)
	for n in "${names[@]}"; do
		count=$(wc -l <"$work/rounds.$n")
		if [ "$count" != "${seen[$n]:-}" ]; then
			seen[$n]=$count
			since[$n]=$now
		elif [ $((now - ${since[$n]})) -gt $((stuck + 30)) ]; then
			lost "$n" "has been at one round for $((now - ${since[$n]})) s"
			ends=0
		fi
	done
	kill -0 "$target_pid" 2>/dev/null || break
done
for p in "${clients[@]}"; do
	[ "$ends" != 0 ] || kill "$p" 2>/dev/null
	wait "$p"
done

for n in "${names[@]}"; do echo "# $n: $(wc -l <"$work/rounds.$n") rounds"; done
echo "# smbtorture: $(wc -l <"$work/passed") of $(wc -l <"$work/ran") tests passed"
check mix/everybody_gets_on eval '[ ! -s "$work/lost" ] || { cat "$work/lost"; false; }'
stop target
status=$?
check mix/server_ends_well eval '[ $status = 0 ] || { echo "exit status $status"; tail -n 20 "$work/target.log"; false; }'
reports=$(cat "$work"/tsan.* 2>/dev/null)
[ -z "$reports" ] && ok mix/no_report_of_the_sanitizer || not_ok mix/no_report_of_the_sanitizer "$(head -n 60 <<<"$reports")"
[ $failures = 0 ]
