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
	# smbd's helpers for pipes outlive it for a while.
	if [ -f "$work/smbd/pid/samba-dcerpcd.pid" ]; then
		kill "$(cat "$work/smbd/pid/samba-dcerpcd.pid")" 2>/dev/null
	fi
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

# Debian's smbd: needs root, and the package samba.
smbd=$(command -v smbd || echo /usr/sbin/smbd)
smbd_can_run() { [ "$(id -u)" = 0 ] && [ -x "$smbd" ]; }

# start_smbd VARIABLE: a private smbd on a free port of the loopback, to which VARIABLE is set. Further global options and the shares
# come from standard input. Its user is root with the password $HYTHE_PASSWORD.
start_smbd() {
	local smbd_port d dir=$work/smbd
	smbd_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	for d in private lock state cache pid ncalrpc bind log; do mkdir -p "$dir/$d"; done
	cat - >"$dir/rest.conf"
	cat - "$dir/rest.conf" >"$dir/smb.conf" <<-CONF
		[global]
			netbios name = PEER
			server role = standalone server
			smb ports = $smbd_port
			interfaces = lo
			bind interfaces only = yes
			disable netbios = yes
			private dir = $dir/private
			lock directory = $dir/lock
			state directory = $dir/state
			cache directory = $dir/cache
			pid directory = $dir/pid
			ncalrpc dir = $dir/ncalrpc
			binddns dir = $dir/bind
			usershare path =
			logging = file
			log file = $dir/log/log.smbd
			load printers = no
			printing = bsd
			printcap name = /dev/null
			disable spoolss = yes
			server min protocol = SMB2_02
			server signing = auto
			read only = no
	CONF
	printf '%s\n%s\n' "$HYTHE_PASSWORD" "$HYTHE_PASSWORD" | pdbedit -s "$dir/smb.conf" -a -t -u "${smbd_user:-root}" >/dev/null 2>&1
	setsid "$smbd" -F --no-process-group -s "$dir/smb.conf" -l "$dir/log" >"$dir/log/stdout" 2>&1 </dev/null &
	pids+=($!) # a session of its own, for smbd ends its whole process group
	for _ in $(seq 100); do
		"$HYTHE" shares "smb://${smbd_user:-root}@127.0.0.1:$smbd_port" >/dev/null 2>&1 && break
		sleep 0.1
	done
	printf -v "$1" %s "$smbd_port"
}

# By the processor's instructions, which sha256sum leaves alone: a sixth of the time.
sha() { /usr/bin/python3 -c 'import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], "rb"), "sha256").hexdigest())' "$1"; }
