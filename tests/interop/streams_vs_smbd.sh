#!/usr/bin/env bash
# One directory, served by Debian's smbd (streams_xattr) and by us: named streams, extended attributes and DOS attributes that
# the one wrote are what the other shows. Starts a private smbd on a free port of the loopback (needs root, for smbd does, and a
# TMPDIR with user extended attributes). Prints `ok NAME` and `not ok NAME`. HYTHE is the command under test.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

smbd=$(command -v smbd || echo /usr/sbin/smbd)
if [ "$(id -u)" != 0 ] || [ ! -x "$smbd" ] || ! command -v smbclient >/dev/null; then
	skip streams/smbd "smbd needs root, and the packages samba and smbclient"
	exit 0
fi
mkdir -p "$work/both"
if ! python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.probe", b"x"); os.removexattr(sys.argv[1], "user.probe")' "$work/both" 2>/dev/null; then
	skip streams/smbd "$work has no user extended attributes"
	exit 0
fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for d in private lock state cache pid ncalrpc bind log; do mkdir -p "$work/smbd/$d"; done
cat >"$work/smbd/smb.conf" <<CONF
[global]
	netbios name = PEER
	server role = standalone server
	smb ports = $port
	interfaces = lo
	bind interfaces only = yes
	disable netbios = yes
	private dir = $work/smbd/private
	lock directory = $work/smbd/lock
	state directory = $work/smbd/state
	cache directory = $work/smbd/cache
	pid directory = $work/smbd/pid
	ncalrpc dir = $work/smbd/ncalrpc
	binddns dir = $work/smbd/bind
	usershare path =
	logging = file
	log file = $work/smbd/log/log.smbd
	load printers = no
	printing = bsd
	printcap name = /dev/null
	disable spoolss = yes
	read only = no
	ea support = yes
	store dos attributes = yes
	map archive = no
	vfs objects = streams_xattr
[both]
	path = $work/both
CONF
printf 'pass\npass\n' | pdbedit -s "$work/smbd/smb.conf" -a -t -u root >/dev/null 2>&1
setsid "$smbd" -F --no-process-group -s "$work/smbd/smb.conf" -l "$work/smbd/log" >"$work/smbd/log/stdout" 2>&1 </dev/null &
pids+=($!) # a session of its own, for smbd ends its whole process group
trap 'kill $(cat "$work"/smbd/pid/samba-dcerpcd.pid 2>/dev/null) 2>/dev/null; finish' EXIT

printf '[share both]\npath = %s\n' "$work/both" >"$work/ours.conf"
HYTHE_PASSWORD=pass start_hythe ours --config "$work/ours.conf" --state "$work/state" --user root || exit 1

# client PORT COMMANDS
client() { timeout 60 smbclient //127.0.0.1/both -p "$1" -U root%pass -c "$2" 2>&1; }
for _ in $(seq 100); do
	client "$port" ls >/dev/null && break
	sleep 0.1
done

printf 'a small stream' >"$work/small"
head -c 2000 /dev/urandom >"$work/middle"
head -c 3000000 /dev/urandom >"$work/large"
printf 'base' >"$work/base"

# What a server shows of a file: streams with their sizes, attributes, extended attributes.
shown() { client "$1" "allinfo $2; geteas $2" | grep -E '^(stream|attributes|\[|[A-Z].* \(0\) =)' | sort; }

wrote() { # PORT FILE
	local out
	out=$(client "$1" "put $work/base $2; put $work/small $2:small; put $work/middle $2:Mid; put $work/small \"$2:Zwölf ä\"; setmode $2 +hs; setea $2 Note some") || {
		echo "$out"
		return 1
	}
}

both_show_the_same() { # WRITER FILE
	wrote "$1" "$2" || return 1
	diff <(shown "$port" "$2") <(shown "$ours" "$2") || return 1
	[ "$(shown "$ours" "$2" | grep -c '^stream')" = 4 ] || { shown "$ours" "$2"; return 1; }
	[ "$(shown "$ours" "$2" | grep -c Note)" = 1 ] || { shown "$ours" "$2"; return 1; }
}

same_data() { # READER FILE
	local stream
	for stream in small Mid; do
		client "$1" "get $2:$stream $work/back" >/dev/null
		cmp "$work/back" "$work/$([ $stream = Mid ] && echo middle || echo small)" || return 1
		client "$1" "get $2:$(tr a-z A-Z <<<$stream) $work/back" >/dev/null || return 1
	done
}

changed_by_the_other() { # WRITER READER FILE: what one changes the other sees
	client "$1" "setmode $3 -hs; put $work/base $3:small" >/dev/null
	client "$2" "get $3:small $work/back" >/dev/null
	cmp "$work/back" "$work/base"
}

large_streams_go_where_the_file_goes() {
	local left
	client "$ours" "put $work/base big; put $work/large big:large; rename big moved" >/dev/null
	mkdir "$work/both/sub" && mv "$work/both/moved" "$work/both/sub/moved"
	client "$ours" "get sub\\moved:large $work/back" >/dev/null
	cmp "$work/back" "$work/large" || return 1
	client "$ours" ls | grep -q hythe && { echo "the side files are listed"; return 1; }
	client "$ours" 'rm sub\moved' >/dev/null
	left=$(ls -A "$work/both/.hythe-streams")
	[ -z "$left" ] || { echo "left over: $left"; return 1; }
}

a_server_that_is_killed_keeps_its_streams() {
	client "$ours" "put $work/base kept; put $work/large kept:large; put $work/middle kept:middle" >/dev/null
	kill -KILL "$ours_pid"
	wait "$ours_pid" 2>/dev/null
	HYTHE_PASSWORD=pass start_hythe ours --config "$work/ours.conf" --state "$work/state" --user root || return 1
	client "$ours" "get kept:large $work/back" >/dev/null
	cmp "$work/back" "$work/large" || return 1
	client "$ours" "get kept:middle $work/back" >/dev/null
	cmp "$work/back" "$work/middle"
}

check streams/samba_writes/both_show_the_same both_show_the_same "$port" theirs
check streams/samba_writes/we_read same_data "$ours" theirs
check streams/we_write/both_show_the_same both_show_the_same "$ours" mine
check streams/we_write/samba_reads same_data "$port" mine
check streams/samba_writes/we_change changed_by_the_other "$ours" "$port" theirs
check streams/we_write/samba_changes changed_by_the_other "$port" "$ours" mine
check streams/large_streams_go_where_the_file_goes large_streams_go_where_the_file_goes
check streams/a_server_that_is_killed_keeps_its_streams a_server_that_is_killed_keeps_its_streams
[ "$failures" = 0 ]
