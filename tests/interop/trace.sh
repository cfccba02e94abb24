#!/usr/bin/env bash
# `hythe trace` against our server and Debian's smbd: packets in their order, captures that tshark reads without a complaint and, with the keys
# that were written, decrypts, captures of others that we read, and drawings that a browser shows without overlaps. Needs tshark, and
# chromium for the drawings; smbd needs root. Prints `ok NAME` and `not ok NAME`. HYTHE is the command under test.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export HYTHE_PASSWORD='trace pass-Word 1'
user=root
mkdir -p "$work/pub/dir" "$work/state"
python3 -c 'print("\n".join(str(i) for i in range(30000)))' >"$work/pub/dir/a file.txt"
printf '[server]\nmin-dialect = 2.0.2\n' >"$work/ours.conf"
start_hythe ours --config "$work/ours.conf" --share "pub=$work/pub" --state "$work/state" --user $user --trace || exit 1

says() { grep -q -- "$1" "$2" || { echo "wanted '$1' in:"; head -n 30 "$2"; return 1; }; }
says_not() { ! grep -q -- "$1" "$2" || { echo "did not want '$1' in:"; grep -- "$1" "$2"; return 1; }; }

# The commands of a trace with the direction of each, one a line; READs once.
commands() {
	sed -n 's/^ *[0-9]* *[0-9.]* \(-->\|<--\) \((sealed) \)\?\(! \)\?SMB2 \([A-Z_]*\).*/\1 \4/p' "$1" |
		awk '{ if (!($2 == "READ" && seen[$0]++)) print }' | sed 's/--> //; s/<-- .*/+/' | tr '\n' ' '
}
exchange='NEGOTIATE + SESSION_SETUP + SESSION_SETUP + TREE_CONNECT + CREATE + READ + CLOSE + TREE_DISCONNECT + LOGOFF + '
# 3.0 and 3.0.2 confirm what was negotiated once the session is there (3.2.5.5).
exchange_30=${exchange/CREATE/IOCTL + CREATE}

tshark_clean() { # CAPTURE [ARGUMENT...]
	local found
	found=$(tshark -r "$1" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE "${@:2}" \
		-Y '_ws.malformed || _ws.expert.severity >= error' 2>"$work/tshark.err") || { cat "$work/tshark.err"; return 1; }
	[ -z "$found" ] || { echo "tshark complains:"; echo "$found"; return 1; }
}

in_order() { # PORT SHARE DIALECT [ARGUMENT...]
	local wanted=$exchange got
	[[ $3 != 3.0* ]] || wanted=$exchange_30
	"$HYTHE" trace --dialect "$3" "${@:4}" --write "$work/out.pcapng" "smb://$user@127.0.0.1:$1/$2/dir/a%20file.txt" >"$work/out" 2>"$work/err" ||
		{ cat "$work/out" "$work/err"; return 1; }
	got=$(commands "$work/out")
	[ "$got" = "$wanted" ] || { echo "wanted $wanted"; echo "got    $got"; cat "$work/out"; return 1; }
	says "CREATE: open 'dir.a file.txt' to read, shared for reading, writing, deleting" "$work/out" &&
		says 'READ granted: 65536 bytes at 65536' "$work/out" && says_not '!' "$work/out" || return 1
	tshark_clean "$work/out.pcapng" || return 1
	[ "$(tshark -r "$work/out.pcapng" -Y smb2 2>/dev/null | wc -l)" = "$(grep -c '^ *[0-9]' "$work/out")" ] ||
		{ echo "tshark finds other packets"; tshark -r "$work/out.pcapng" 2>&1; return 1; }
}

# What the capture says is what was said live, key given.
sealed_reads_back() { # PORT SHARE DIALECT
	local n
	rm -f "$work/keys"
	"$HYTHE" trace --encrypt --dialect "$3" --write "$work/sealed.pcapng" --write-keys "$work/keys" "smb://$user@127.0.0.1:$1/$2/dir/a%20file.txt" \
		>"$work/live" || return 1
	[ "$(stat -c %a "$work/keys")" = 600 ] || { echo "others may read the keys"; return 1; }
	says '(sealed) SMB2 READ granted' "$work/live" || return 1
	"$HYTHE" trace --pcap "$work/sealed.pcapng" --keys "$work/keys" >"$work/read" && cmp "$work/live" "$work/read" || { diff "$work/live" "$work/read"; return 1; }
	"$HYTHE" trace --pcap "$work/sealed.pcapng" >"$work/closed" && says 'sealed, no key: [0-9]* bytes of session' "$work/closed" &&
		says_not 'CREATE' "$work/closed" || return 1
	tshark_clean "$work/sealed.pcapng" -o "uat:smb2_seskey_list:$(cat "$work/keys")" || return 1
	tshark -r "$work/sealed.pcapng" -o "uat:smb2_seskey_list:$(cat "$work/keys")" >"$work/tshark" 2>/dev/null
	n=$(grep -c 'Decrypted SMB3' "$work/tshark")
	[ "$n" = "$(grep -c '(sealed)' "$work/live")" ] && says 'Decrypted SMB3;Create Request File: dir.a file.txt' "$work/tshark"
}

failure_is_marked() {
	if "$HYTHE" trace "smb://$user@127.0.0.1:$ours/pub/absent" >"$work/out" 2>"$work/err"; then echo "no failure"; return 1; fi
	says '<-- ! SMB2 CREATE failed: OBJECT_NAME_NOT_FOUND, no such file or directory' "$work/out" && says 'cannot open "absent"' "$work/err"
}

secrets_are_hidden() {
	"$HYTHE" trace -v "smb://$user@127.0.0.1:$ours/pub/dir/a%20file.txt" >"$work/out" &&
		"$HYTHE" trace -v --secrets "smb://$user@127.0.0.1:$ours/pub/dir/a%20file.txt" >"$work/all" || return 1
	says 'SecurityBuffer: [0-9]* bytes, not shown' "$work/out" && says 'EndofFile\|EndOfFile' "$work/out" && says 'SecurityBuffer: [0-9]* bytes [0-9a-f]\{8\}' "$work/all"
}

other_commands_show_theirs() {
	"$HYTHE" get --trace "smb://$user@127.0.0.1:$ours/pub/dir/a%20file.txt" "$work/copy" >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
	cmp "$work/copy" "$work/pub/dir/a file.txt" && says '+ SMB2 READ' "$work/err" && [ ! -s "$work/out" ] || return 1
	"$HYTHE" ls --trace "smb://$user@127.0.0.1:$ours/pub" 2>"$work/err" >"$work/out" && says "QUERY_DIRECTORY: list '\*'" "$work/err"
}

server_shows_its_own() {
	says '^127.0.0.1:[0-9]* .*--> SMB2 TREE_CONNECT: connects to share' "$work/ours.log" && says '<-- .*SMB2 READ granted: 65536 bytes' "$work/ours.log" &&
		says '<-- ! SMB2 CREATE failed' "$work/ours.log" || return 1
	! grep -v '^127.0.0.1:[0-9]* *[0-9]* ' "$work/ours.log" | grep -q SMB2 || { echo "a packet has more than its line"; return 1; }
}

# What dumpcap recorded of smbclient, whose bytes we did not arrange.
capture_of_others() {
	local pid i
	dumpcap -q -i lo -f "tcp port $ours" -w "$work/lo.pcapng" >"$work/dumpcap" 2>&1 &
	pid=$!
	for i in $(seq 50); do grep -q '^File: ' "$work/dumpcap" && break; sleep 0.1; done
	sleep 0.5
	smbclient -p "$ours" //127.0.0.1/pub -U "$user%$HYTHE_PASSWORD" -m SMB3_11 -c 'cd dir; ls; get "a file.txt" /dev/null' >"$work/smbclient" 2>&1
	sleep 1
	kill -INT $pid && wait $pid
	"$HYTHE" trace --pcap "$work/lo.pcapng" >"$work/out" 2>"$work/err" && says "SMB2 CREATE: open 'dir.a file.txt'" "$work/out" &&
		says 'SMB2 READ granted' "$work/out" && says_not 'missing in the capture' "$work/out" || { cat "$work/err" "$work/dumpcap"; return 1; }
	"$HYTHE" trace --pcap "$work/lo.pcapng" --write "$work/again.pcapng" >/dev/null && "$HYTHE" trace --pcap "$work/again.pcapng" >"$work/again" &&
		cmp "$work/out" "$work/again" && tshark_clean "$work/again.pcapng"
}

bad_arguments() {
	local args
	for args in "" "--pcap x smb://h/s" "--keys k smb://h/s/f" "--port 0 --pcap x" "--port 70000 --pcap x" "--pcap x --write-keys k" "smb://h"; do
		# shellcheck disable=SC2086
		"$HYTHE" trace $args >"$work/out" 2>&1
		[ $? = 2 ] || { echo "taken: $args"; return 1; }
	done
	printf 'no capture at all' >"$work/text"
	"$HYTHE" trace --pcap "$work/text" 2>"$work/err" && return 1
	says 'this is no capture' "$work/err" || return 1
	"$HYTHE" trace --write /nonexistent/x "smb://$user@127.0.0.1:$ours/pub/dir" 2>"$work/err" && return 1
	says 'cannot write "/nonexistent/x"' "$work/err"
}

drawings() {
	mkdir -p "$work/pub/<script>alert(1)<"
	"$HYTHE" trace --encrypt --svg "$work/a.svg" --html "$work/a.html" "smb://$user@127.0.0.1:$ours/pub/dir/a%20file.txt" >"$work/out" || return 1
	"$HYTHE" trace --svg "$work/b.svg" --html "$work/b.html" "smb://$user@127.0.0.1:$ours/pub/%3Cscript%3Ealert(1)%3C/none%26amp;'%22" >/dev/null 2>&1 && return 1
	python3 -B "$here/drawing.py" "$(grep -c '^ *[0-9]* *[0-9.]* ' "$work/out")" "$work/a.svg" "$work/a.html" &&
		python3 -B "$here/drawing.py" 14 "$work/b.svg" "$work/b.html"
}

if ! command -v tshark >/dev/null; then
	skip trace "there is no tshark"
	exit 0
fi
for dialect in 2.0.2 2.1 3.0 3.0.2 3.1.1; do
	check "trace/ours/$dialect/in_order" in_order "$ours" pub "$dialect"
done
for dialect in 3.0 3.0.2 3.1.1; do
	check "trace/ours/$dialect/sealed_reads_back" sealed_reads_back "$ours" pub "$dialect"
done
for case in failure_is_marked secrets_are_hidden other_commands_show_theirs server_shows_its_own bad_arguments; do
	check "trace/$case" $case
done
if dumpcap -i lo -a duration:1 -w "$work/probe.pcapng" >/dev/null 2>&1; then
	check trace/capture_of_others capture_of_others
else
	skip trace/capture_of_others "dumpcap may not capture here"
fi
if command -v chromium >/dev/null; then
	check trace/drawings drawings
else
	skip trace/drawings "there is no chromium"
fi
if smbd_can_run; then
	start_smbd theirs <<CONF
[pub]
	path = $work/pub
CONF
	for dialect in 2.0.2 2.1 3.0 3.0.2 3.1.1; do
		check "trace/smbd/$dialect/in_order" in_order "$theirs" pub "$dialect"
	done
	for dialect in 3.0 3.1.1; do
		check "trace/smbd/$dialect/sealed_reads_back" sealed_reads_back "$theirs" pub "$dialect"
	done
else
	skip trace/smbd "smbd needs root, and the package samba"
fi
[ "$failures" = 0 ]
