#!/usr/bin/env bash
# Our client against Debian's smbd: every dialect, signed and encrypted; with leases by tests/interop/cache_peer.c. Starts a private smbd on a free port of the loopback
# (needs root, for smbd does). Prints `ok NAME` and `not ok NAME`. SIZE_MB is the size of the file that is moved (default
# 1024); HYTHE is the command under test. A function cli_X is the case X of each row of the matrix.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$here/trees.sh"

SIZE_MB=${SIZE_MB:-1024}
export HYTHE_PASSWORD='smbd pass-Word 1'
if ! smbd_can_run; then
	skip hythe/smbd "smbd needs root, and the package samba"
	exit 0
fi

mkdir -p "$big/share" "$work/pub"
start_smbd port <<CONF
[pub]
	path = $work/pub
	comment = "a share, with a remark"
[big]
	path = $big/share
[sealed]
	path = $work/pub
	server smb encrypt = required
[ro]
	path = $work/pub
	read only = yes
CONF
server=smb://root@127.0.0.1:$port

source_file=$big/source
python3 - "$SIZE_MB" >"$source_file" <<'PY'
import os, sys
noise = os.urandom(1 << 20)
for i in range(int(sys.argv[1])):
    sys.stdout.buffer.write(i.to_bytes(8, "little") + noise[8:])
PY
source_sha=$(sha "$source_file")

says() { grep -qF -- "$1" <<<"$2" || { echo "wanted '$1' in: $2"; return 1; }; }

# $options holds the words that choose dialect and protection.
h() {
	local command=$1
	shift
	timeout 300 "$HYTHE" "$command" --quiet "${options[@]}" "$@" 2>&1
}

cli_list() {
	local out
	touch "$work/pub/one file" "$work/pub/Zwölf"
	out=$(h ls -l "$server/pub") && says 'one file' "$out" && says 'Zwölf' "$out"
}

cli_put() {
	local out
	out=$(h put "$source_file" "$server/big/moved") || { echo "$out"; return 1; }
	[ "$(sha "$big/share/moved")" = "$source_sha" ] || { echo "the file on the server differs"; return 1; }
	[ "$(ls -A "$big/share")" = moved ] || { echo "left over: $(ls -A "$big/share")"; return 1; }
}

cli_get() {
	local out
	out=$(h get "$server/big/moved" "$big/back") || { echo "$out"; return 1; }
	[ "$(sha "$big/back")" = "$source_sha" ] || { echo "the file that came back differs"; return 1; }
	rm -f "$big/back"
}

cli_cat() { [ "$(h cat "$server/big/moved" | head -c 3000000 | sha256sum)" = "$(head -c 3000000 "$source_file" | sha256sum)" ]; }

cli_mkdir() {
	h mkdir "$server/pub/a%20dir" && h mkdir -p "$server/pub/a%20dir/in/ner" && [ -d "$work/pub/a dir/in/ner" ] &&
		says 'ner/' "$(h tree "$server/pub")"
}

cli_rename() {
	echo text >"$work/pub/old name"
	h mv "$server/pub/old%20name" "new name" && h mv "$server/pub/a%20dir" "$server/pub/b%20dir" || return 1
	[ ! -e "$work/pub/old name" ] && [ "$(cat "$work/pub/new name")" = text ] && [ -d "$work/pub/b dir/in/ner" ]
}

cli_stat() {
	local out
	out=$(h stat --json "$server/pub/new%20name") && says '"size":5,' "$out" && says '"type":"file"' "$out" || return 1
	python3 -c 'import json, sys; json.loads(sys.argv[1])' "$out"
}

cli_delete() {
	h rm "$server/pub/new%20name" && h rmdir "$server/pub/b%20dir/in/ner" && h rm -r "$server/pub/b%20dir" || return 1
	[ ! -e "$work/pub/new name" ] && [ ! -e "$work/pub/b dir" ]
}

cli_shares() {
	local out
	out=$(h shares -a "$server") && says 'pub ' "$out" && says 'a share, with a remark' "$out" && says 'IPC$' "$out"
}

cli_tree_copy() { # there and back with names that need care, times kept
	local d=$work/tree
	mkdir -p "$d/sub/empty" && echo one >"$d/a" && : >"$d/sub/nothing" && echo two >"$d/sub/wo:rd? \"x\"" && head -c 200000 "$source_file" >"$d/sub/ü.bin"
	touch -d '2001-02-03 04:05:06.7890123' "$d/a" "$d/sub/ü.bin"
	h put -r -p "$d" "$server/pub/copied" && h get -r -p "$server/pub/copied" "$work/back" && h rm -r "$server/pub/copied" || return 1
	diff -r "$d" "$work/back" || return 1
	[ "$(stat -c %y "$d/a")" = "$(stat -c %y "$work/back/a")" ] || { stat -c '%n %y' "$d/a" "$work/back/a"; return 1; }
	rm -rf "$work/back" "$d"
}

row() { # NAME OPTION...
	local name=$1 case
	shift
	options=("$@")
	for case in list put get cat mkdir rename stat delete shares tree_copy tree_many tree_obstacles tree_full; do
		check "hythe/$name/cli_$case" "cli_$case"
	done
}

for dialect in 2.0.2 2.1 3.0 3.0.2 3.1.1; do row "$dialect/sign" --dialect "$dialect"; done
for dialect in 2.1 3.1.1; do row "$dialect/plain" --dialect "$dialect" --sign optional; done
for dialect in 3.0 3.0.2 3.1.1; do row "$dialect/encrypt" --dialect "$dialect" --encrypt; done
options=()

# Leases (2.0.2: oplocks), which the command does not ask for.
cache_peer=${HYTHE_TESTS:-$(dirname "$HYTHE")/../../tests}/interop/cache_peer
caches() { # NAME DIALECT [encrypt]
	if [ -x "$cache_peer" ]; then
		check "hythe/$1/caches" "$cache_peer" root pub "$port" "${@:2}"
	else
		skip "hythe/$1/caches" "$cache_peer is not there: a build without tests"
	fi
}
for dialect in 2.0.2:0202 2.1:0210 3.0:0300 3.0.2:0302 3.1.1:0311; do caches "${dialect%:*}/sign" "${dialect#*:}"; done
for dialect in 3.0:0300 3.0.2:0302 3.1.1:0311; do caches "${dialect%:*}/encrypt" "${dialect#*:}" encrypt; done

refused() { # WORDS COMMAND...
	local words=$1 out
	shift
	out=$("$@") && { echo "that worked: $out"; return 1; }
	says "$words" "$out"
}
wrong_password() { HYTHE_PASSWORD=wrong refused 'wrong user name or password' h ls "$server/pub"; }
unknown_share() { refused 'has no share "absent"' h ls "$server/absent"; }
sealed_share_needs_no_option() { h ls "$server/sealed" >/dev/null; }
sealed_share_is_out_of_reach_for_2_1() { refused 'hythe:' h ls --dialect 2.1 "$server/sealed"; }
encryption_that_is_required_is_not_given_up() { refused 'encryption is required' h ls --dialect 2.1 --encrypt "$server/pub"; }
read_only_share() { refused 'hythe: cannot create' h put "$0" "$server/ro/x"; }
missing_file() { refused 'no such file or directory' h get "$server/pub/not%20there" "$work/none" && [ ! -e "$work/none" ]; }

interrupted_put_leaves_nothing() { # SIGNAL
	local pid
	rm -f "$big/share/"*
	mkfifo "$work/pipe.$1"
	env --default-signal=INT "$HYTHE" put - "$server/big/final" <"$work/pipe.$1" >/dev/null 2>&1 &
	pid=$!
	exec 9>"$work/pipe.$1"
	head -c 30000000 "$source_file" >&9
	for _ in $(seq 50); do
		[ -n "$(ls -A "$big/share")" ] && break
		sleep 0.1
	done
	[ -n "$(ls -A "$big/share")" ] || { echo "nothing was under way"; return 1; }
	kill -"$1" $pid
	exec 9>&-
	wait $pid && { echo "the interrupted command says it succeeded"; return 1; }
	for _ in $(seq 50); do
		[ -z "$(ls -A "$big/share")" ] && return 0
		sleep 0.1
	done
	echo "left over: $(ls -A "$big/share")"
	return 1
}

get_to_a_dash_names_cat() { refused 'hythe cat' h get "$server/big/moved" - && [ ! -e ./- ]; }

interrupted_get_leaves_nothing() {
	mkdir -p "$big/target"
	cp "$source_file" "$big/share/moved"
	env --default-signal=INT "$HYTHE" get "$server/big/moved" "$big/target/final" 2>/dev/null &
	local pid=$!
	sleep 0.05
	kill -INT $pid
	wait $pid && [ "$SIZE_MB" -ge 1024 ] && { echo "too late to interrupt"; return 1; }
	[ -e "$big/target/final" ] && [ "$(sha "$big/target/final")" != "$source_sha" ] && { echo "half a file has the name"; return 1; }
	[ -z "$(ls -A "$big/target" | grep -v '^final$')" ]
}

# The data of a large file are written by a thread of their own, or go there from the socket.
get_to_a_full_disk_says_so() { # SIGN
	local d=$work/full out left
	mkdir -p "$d" && mount -t tmpfs -o size=20m full "$d" 2>/dev/null || { echo "nothing can be mounted here"; return 0; }
	cp "$source_file" "$big/share/moved"
	out=$(h get --sign "$1" "$server/big/moved" "$d/final") && out="that worked: $out"
	left=$(ls -A "$d")
	umount "$d"
	says 'hythe: cannot write' "$out" && [ -z "$left" ] || { echo "$out, and there is: $left"; return 1; }
}

for case in wrong_password unknown_share sealed_share_needs_no_option sealed_share_is_out_of_reach_for_2_1 \
	encryption_that_is_required_is_not_given_up read_only_share missing_file get_to_a_dash_names_cat interrupted_get_leaves_nothing; do
	check "hythe/$case" "$case"
done
for sign in required optional; do check "hythe/get_to_a_full_disk_says_so/$sign" get_to_a_full_disk_says_so "$sign"; done
for signal in INT TERM KILL; do
	check "hythe/interrupted_put_leaves_nothing/$signal" interrupted_put_leaves_nothing "$signal"
	check "hythe/put_is_stopped/$signal" put_is_stopped "$signal"
done
[ "$failures" = 0 ]
