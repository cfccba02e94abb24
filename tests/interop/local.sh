#!/usr/bin/env bash
# What programs on the server's machine and clients do to the same files, and what either sees of the other. Prints `ok NAME` or
# `not ok NAME`.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export HYTHE_PASSWORD='local pass-Word 1'
mkdir -p "$work/pub" "$work/state"
echo content >"$work/content"
start_hythe local --share "pub=$work/pub" --state "$work/state" --user ann || exit 1

smb() { timeout 60 smbclient -p "$local" //127.0.0.1/pub -U "ann%$HYTHE_PASSWORD" -c "$1" 2>&1; }

# smbclient watches, its output going to a file.
watch() {
	timeout 60 stdbuf -oL smbclient -p "$local" //127.0.0.1/pub -U "ann%$HYTHE_PASSWORD" -c "notify $1" >"$work/notify.out" 2>&1 &
	watcher=$!
	sleep 1
}

# Waits for a line of what smbclient heard.
hears() {
	local i
	for i in $(seq 50); do
		grep -q -- "$1" "$work/notify.out" && return 0
		sleep 0.1
	done
	echo "wanted '$1' in: $(cat "$work/notify.out")"
	return 1
}

# Each line of what was heard once.
heard_once() {
	[ -z "$(sort "$work/notify.out" | uniq -d)" ] || { echo "heard twice: $(cat "$work/notify.out")"; return 1; }
}

local_changes_are_heard() {
	local status=0
	mkdir -p "$work/pub/watched/sub"
	watch watched
	touch "$work/pub/watched/made" && mv "$work/pub/watched/made" "$work/pub/watched/moved" && rm "$work/pub/watched/moved" &&
		echo deep >"$work/pub/watched/sub/deep" && mkdir "$work/pub/watched/new" && hears '0001 new' && echo x >"$work/pub/watched/new/later" &&
		hears '0001 made' && hears '0004 made' && hears '0005 moved' && hears '0002 moved' &&
		hears '0001 sub.deep' && hears '0001 new.later' || status=1
	kill "$watcher" 2>/dev/null
	wait "$watcher" 2>/dev/null
	return $status
}

clients_changes_are_heard_once() {
	local status=0
	mkdir -p "$work/pub/watched2"
	watch watched2
	smb "cd watched2; put $work/content a; rename a b; mkdir d; cd d; put $work/content c; cd ..; del b" >/dev/null
	touch "$work/pub/watched2/end"
	hears '0001 end' && hears '0001 a' && hears '0005 b' && hears '0001 d.c' && heard_once || status=1
	kill "$watcher" 2>/dev/null
	wait "$watcher" 2>/dev/null
	return $status
}

check local/changes_are_heard local_changes_are_heard
check local/clients_changes_are_heard_once clients_changes_are_heard_once
[ "$failures" = 0 ]
