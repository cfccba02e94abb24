# What the interop scripts share: a work directory, servers of ours on free ports, and `ok NAME` / `not ok NAME` lines.
# Sourced; the script that sources it sets -u.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
HYTHE=${HYTHE:-$root/build/release/src/cli/hythe}
work=$(mktemp -d "${TMPDIR:-/tmp}/hythe-interop.XXXXXX")
# Large files are kept in memory where there is room for three of them.
big_base=/dev/shm
[ -d $big_base ] && [ "$(df -Pm $big_base | awk 'NR==2 { print $4 }')" -ge 4096 ] || big_base=$work
big=$(mktemp -d "$big_base/hythe-interop.XXXXXX")
pids=()
failures=0

# stop VARIABLE: ends that server and gives its exit status.
stop() {
	local pid_of="${1}_pid"
	kill "${!pid_of}" && wait "${!pid_of}"
}

finish() {
	local p
	for p in "${pids[@]}"; do
		kill "$p" 2>/dev/null && wait "$p" 2>/dev/null
	done
	if [ "$failures" -gt 0 ] && [ -n "${KEEP:-}" ]; then
		echo "kept: $work"
	else
		rm -rf "$work"
	fi
	rm -rf "$big"
}
trap finish EXIT
trap 'exit 130' INT TERM

ok() { echo "ok $1"; }
skip() { echo "ok $1 # skip $2"; }
not_ok() {
	echo "not ok $1"
	failures=$((failures + 1))
	[ -z "${2:-}" ] || printf '%s\n' "$2" | tail -n 15 | sed 's/^/    /'
}

# check NAME COMMAND...: the case passes when the command does. It runs in this shell, so that servers it starts are ended by finish.
check() {
	local name=$1
	shift
	if "$@" >"$work/case.out" 2>&1; then ok "$name"; else not_ok "$name" "$(cat "$work/case.out")"; fi
}

# start_hythe VARIABLE ARGUMENT...: starts a server on a free port, sets VARIABLE to the port and VARIABLE_pid to its process.
start_hythe() {
	local var=$1 log=$work/$1.log port=''
	shift
	"$HYTHE" serve --listen 127.0.0.1:0 "$@" >"$log" 2>&1 &
	local pid=$!
	pids+=("$pid")
	for _ in $(seq 100); do
		port=$(sed -n 's/^Listening on .*:\([0-9]*\)$/\1/p' "$log" | head -n 1)
		[ -n "$port" ] && break
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	if [ -z "$port" ]; then
		echo "# hythe did not start:"
		sed 's/^/    /' "$log"
		return 1
	fi
	printf -v "$var" %s "$port"
	printf -v "${var}_pid" %s "$pid"
}

sha() { sha256sum "$1" | cut -d' ' -f1; }
