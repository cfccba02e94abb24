#!/usr/bin/env bash
# `hythe bench` against our server and against Debian's smbd: what it prints is JSON with sense in it, and it leaves nothing behind, neither when
# it is interrupted nor when it fails. Prints `ok NAME` or `not ok NAME`.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export HYTHE_PASSWORD='bench pass-Word 1'
mkdir -p "$work/pub/below" "$work/state"
echo mine >"$work/pub/below/mine"
mkdir "$work/pub/below/hythe-bench-0000000000000000"

bench() { timeout 120 "$HYTHE" bench --quiet --duration 0.1 --size 4M --block-size 256K "$@"; }

# What was there before, and nothing else.
nothing_is_left() {
	local found
	found=$(cd "$work/pub" && find . | sort | tr '\n' ' ')
	[ "$found" = ". ./below ./below/hythe-bench-0000000000000000 ./below/mine " ] && [ "$(cat "$work/pub/below/mine")" = mine ] ||
		{ echo "there is: $found"; return 1; }
}

# makes_sense CONNECTIONS TEST...: the JSON on standard input is of these tests.
makes_sense() {
	python3 -c '
import json, sys
report = json.load(sys.stdin)
assert report["dialect"] == "3.1.1" and report["protection"] in ("signed", "encrypted") and report["algorithm"], report
assert [r["test"] for r in report["results"]] == sys.argv[2:], report
for r in report["results"]:
    t = r["latency_us"]
    assert r["operations"] > 0 and r["rate"] > 0 and r["seconds"] > 0 and r["depth"] >= 1 and r["did"], r
    assert 0 < t["p50"] <= t["p95"] <= t["p99"] <= t["max"], r
    assert r["connections"] == int(sys.argv[1]), r
    if r["unit"] == "MB/s":
        assert r["bytes"] == r["operations"] * 262144, r
' "$@"
}

all_tests() { # URL
	bench --json "$1/below" >"$work/json" &&
		makes_sense 1 read write random-read random-write open-query-close create-write-delete list login echo <"$work/json" && nothing_is_left
}

several_connections() {
	bench --json --encrypt --connections 3 --depth 4 --test read,random,metadata,listing,logins "$1" >"$work/json" &&
		makes_sense 3 read random-read random-write open-query-close create-write-delete list login <"$work/json" && nothing_is_left
}

text() {
	local out
	out=$(bench --test echo,write "$1/below/") && grep -q '^write .* MB/s .* us\|^write .* MB/s .* ms' <<<"$out" && grep -q '^echo .* ops/s' <<<"$out" &&
		grep -q 'blocks of 256.0 KiB in order into a file of 4.0 MiB; depth 8, 1 connection' <<<"$out" || { echo "$out"; return 1; }
	nothing_is_left
}

interrupted() { # URL SIGNAL WORKING_FOR
	local pid status
	env --default-signal=INT "$HYTHE" bench --quiet --duration 20 --size 16M --connections 2 "$1" >/dev/null 2>&1 &
	pid=$!
	for _ in $(seq 50); do
		[ -n "$(ls -d "$work"/pub/hythe-bench-* 2>/dev/null)" ] && break
		sleep 0.05
	done
	[ -n "$(ls -d "$work"/pub/hythe-bench-* 2>/dev/null)" ] || { echo "nothing was under way"; return 1; }
	sleep "$3"
	kill -"$2" $pid
	wait $pid
	status=$?
	[ $status -gt 128 ] || { echo "the interrupted command ended with $status"; return 1; }
	nothing_is_left
}

says_why() { # WORDS ARGUMENT...
	local words=$1 out
	shift
	out=$(bench "$@" 2>&1) && { echo "that worked: $out"; return 1; }
	grep -qF -- "$words" <<<"$out" || { echo "wanted '$words' in: $out"; return 1; }
	nothing_is_left
}

against() { # NAME URL
	check "bench/$1/all_tests" all_tests "$2"
	check "bench/$1/several_connections" several_connections "$2"
	check "bench/$1/text" text "$2"
	check "bench/$1/interrupted/early" interrupted "$2" INT 0
	check "bench/$1/interrupted/late" interrupted "$2" TERM 1
	check "bench/$1/directory_that_is_missing" says_why "'hythe mkdir' makes the directory" "$2/absent"
	check "bench/$1/wrong_password" env HYTHE_PASSWORD=wrong bash -c "! '$HYTHE' bench '$2'"
}

start_hythe ours --share "pub=$work/pub" --share "ro=$work/pub,ro" --state "$work/state" --user ann || exit 1
against hythe "smb://ann@127.0.0.1:$ours/pub"
check bench/read_only says_why 'take --test echo,logins' "smb://ann@127.0.0.1:$ours/ro"
check bench/read_only_without_files bench --test echo,logins "smb://ann@127.0.0.1:$ours/ro"

# The server ends in the middle: the command says so, and what is left.
server_that_ends() {
	local pid out
	bench --duration 20 --test metadata "smb://ann@127.0.0.1:$ours/pub" >"$work/out" 2>&1 &
	pid=$!
	sleep 1
	kill -KILL "$ours_pid"
	wait "$ours_pid" 2>/dev/null
	wait $pid && { echo "that worked"; return 1; }
	out=$(cat "$work/out")
	grep -q 'was closed' <<<"$out" && grep -q "hythe-bench-.*is left on the server; 'hythe rm -r' deletes it" <<<"$out" || { echo "$out"; return 1; }
	rm -rf "$work"/pub/hythe-bench-*
}
check bench/server_that_ends server_that_ends

if smbd_can_run; then
	start_smbd peer <<-CONF
		[pub]
			path = $work/pub
	CONF
	against smbd "smb://root@127.0.0.1:$peer/pub"
else
	skip bench/smbd "smbd needs root, and the package samba"
fi
[ "$failures" = 0 ]
