#!/usr/bin/env bash
# What a server must survive: floods of random and mutated frames with flat memory, silence and half-sent frames, a full disk, and
# kill -9, after which every copy that was reported as complete is complete. Prints ok and not ok lines.
#     HYTHE=path/of/hythe FLOOD=path/of/flood tests/hostile/run.sh
# FRAMES: how many frames the flood sends (default 10,000,000).
set -u
# shellcheck source=../interop/common.sh
. "$(dirname "$0")/../interop/common.sh"
FLOOD=${FLOOD:-$(dirname "$HYTHE")/../../tests/hostile/flood}
FRAMES=${FRAMES:-10000000}
export HYTHE_PASSWORD=flood

share=$work/share
mkdir -p "$share"
cat >"$work/flood.conf" <<CONF
[server]
state = $work/state
signing = enabled
min-dialect = 2.0.2
log-level = error
[share share]
path = $share
CONF

rss_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }

workers_of() { find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l; }

flood_and_measure() {
	local before after workers
	"$FLOOD" 127.0.0.1 "$flood_port" $((FRAMES / 10)) 1 flood flood share || return 1
	before=$(rss_kib "$flood_port_pid")
	workers=$(workers_of "$flood_port_pid")
	"$FLOOD" 127.0.0.1 "$flood_port" $((FRAMES - FRAMES / 10)) 2 flood flood share || return 1
	"$FLOOD" 127.0.0.1 "$flood_port" 100000 3 || return 1
	after=$(rss_kib "$flood_port_pid")
	workers=$(($(workers_of "$flood_port_pid") - workers))
	echo "resident memory: $before KiB after the first tenth, $after KiB at the end, with $workers more threads"
	# A busy machine makes the server start workers, up to its bound, and each has a stack.
	[ "$after" -le $((before + 6144 + (workers > 0 ? workers * 256 : 0))) ]
}

# Connections that say nothing, or half of something, do not keep others out.
silent_peers() {
	local i
	for i in $(seq 100); do
		exec {fd}<>"/dev/tcp/127.0.0.1/$flood_port" || return 1
		[ $((i % 2)) = 0 ] || printf '\0\0\1\0\376SMB' >&"$fd"
	done
	"$HYTHE" ls "smb://flood@127.0.0.1:$flood_port/share" >/dev/null
}

# Whatever `hythe put` reported as done before the server was killed is there afterwards.
kill_nine() {
	local i done=0
	head -c 3000001 /dev/urandom >"$work/src"
	(sleep 0.7; kill -9 "$kill_port_pid") &
	for i in $(seq 1000); do
		"$HYTHE" put "$work/src" "smb://flood@127.0.0.1:$kill_port/share/k$i" 2>/dev/null || break
		done=$i
	done
	wait "$kill_port_pid" 2>/dev/null
	echo "$done copies were complete when the server was killed"
	[ "$done" -lt 1000 ] || return 1
	for i in $(seq "$done"); do cmp "$work/src" "$share/k$i" || return 1; done
	# What was under way has left no half file under its final name.
	[ ! -e "$share/k$((done + 1))" ] || cmp "$work/src" "$share/k$((done + 1))"
}

full_disk() {
	local out
	head -c 6000000 /dev/urandom >"$work/six"
	out=$("$HYTHE" put "$work/six" "smb://flood@127.0.0.1:$full_port/full/six" 2>&1) && return 1
	echo "$out"
	echo "$out" | grep -q "full" || return 1
	[ ! -e "$work/full/six" ] || return 1
	head -c 1000000 "$work/six" >"$work/one"
	"$HYTHE" put "$work/one" "smb://flood@127.0.0.1:$full_port/full/one" && cmp "$work/one" "$work/full/one"
}

# A limit on file sizes keeps what mutated requests ask for within bounds.
ulimit -S -f 60000
start_hythe flood_port --config "$work/flood.conf" --user flood || exit 1
ulimit -S -f unlimited 2>/dev/null
check silent-peers silent_peers
check "flood-of-$FRAMES-frames-memory-flat" flood_and_measure
cat "$work/case.out"
start_hythe kill_port --config "$work/flood.conf" || exit 1
check kill-9-costs-nothing-acknowledged kill_nine
cat "$work/case.out"
mkdir -p "$work/full"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=4m none "$work/full" 2>/dev/null; then
	start_hythe full_port --config "$work/flood.conf" --share "full=$work/full" || exit 1
	check full-disk-is-reported-and-leaves-no-half-file full_disk
	kill "$full_port_pid"
	wait "$full_port_pid" 2>/dev/null
	umount "$work/full"
else
	skip full-disk-is-reported-and-leaves-no-half-file "needs root and mount"
fi
[ "$failures" = 0 ]
