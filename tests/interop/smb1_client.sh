#!/usr/bin/env bash
# Our client in SMB1 (NT LM 0.12) against Debian's smbd, over direct TCP and over NetBIOS sessions; and NetBIOS sessions of SMB2 between us, smbd, smbclient and
# impacket. smbd answers session requests on any port; smbclient asks for them on port 139 only, so that runs in a network namespace of
# its own. Needs root. Prints `ok NAME` and `not ok NAME`. SIZE_MB is the size of the file that is moved (default 64).
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$here/trees.sh"

SIZE_MB=${SIZE_MB:-64}
export HYTHE_PASSWORD='smbd pass-Word 1'
if ! smbd_can_run; then
	skip smb1_client/smbd "smbd needs root, and the package samba"
	exit 0
fi

mkdir -p "$work/pub/many" "$big/share" "$work/state"
start_smbd port <<CONF
	server min protocol = NT1
	raw NTLMv2 auth = yes
[pub]
	path = $work/pub
	comment = "a share, with a remark"
[big]
	path = $big/share
CONF
server=smb://root@127.0.0.1:$port
remark='a share, with a remark'

head -c $((SIZE_MB * 1000003)) /dev/urandom >"$big/source"
source_sha=$(sha "$big/source")
for i in $(seq 1500); do : >"$work/pub/many/a file with a long name, number $i"; done
echo small >"$work/pub/small"
: >"$work/pub/empty"

says() { grep -qF -- "$1" <<<"$2" || { echo "wanted '$1' in: $2"; return 1; }; }
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
cli_list_many() { [ "$(h ls "$server/pub/many" | sort | sha256sum)" = "$(ls "$work/pub/many" | sort | sha256sum)" ]; }
cli_small() { [ "$(h cat "$server/pub/small")" = small ] && h get "$server/pub/empty" "$work/got" && [ ! -s "$work/got" ] && rm "$work/got"; }
cli_put() {
	local out
	out=$(h put "$big/source" "$server/big/moved") || { echo "$out"; return 1; }
	[ "$(sha "$big/share/moved")" = "$source_sha" ] || { echo "the file on the server differs"; return 1; }
	[ "$(ls -A "$big/share")" = moved ] || { echo "left over: $(ls -A "$big/share")"; return 1; }
	h put "$work/pub/small" "$server/big/moved" && [ "$(cat "$big/share/moved")" = small ] && cp "$big/source" "$big/share/moved"
}
cli_get() {
	local out
	out=$(h get "$server/big/moved" "$big/back") || { echo "$out"; return 1; }
	[ "$(sha "$big/back")" = "$source_sha" ] || { echo "the file that came back differs"; return 1; }
	rm -f "$big/back"
}
cli_beyond_4_gib() { # of which OPEN_ANDX tells the low half of the size
	truncate -s $(((4 << 30) + 3)) "$big/share/sparse"
	says '"size":4294967299,' "$(h stat --json "$server/big/sparse")" || return 1
	[ "$(h cat "$server/big/sparse" | head -c 100000 | wc -c)" = 100000 ] || { echo "cat stops early"; return 1; }
	rm "$big/share/sparse"
}
cli_mkdir() { h mkdir "$server/pub/a%20dir" && h mkdir -p "$server/pub/a%20dir/in/ner" && [ -d "$work/pub/a dir/in/ner" ] && says 'ner/' "$(h tree "$server/pub")"; }
cli_rename() {
	echo text >"$work/pub/old name"
	h mv "$server/pub/old%20name" "new name" && h mv "$server/pub/a%20dir" "$server/pub/b%20dir" || return 1
	[ ! -e "$work/pub/old name" ] && [ "$(cat "$work/pub/new name")" = text ] && [ -d "$work/pub/b dir/in/ner" ]
}
cli_stat() {
	local out
	out=$(h stat --json "$server/pub/new%20name") && says '"size":5,' "$out" && says '"type":"file"' "$out"
}
cli_delete() {
	h rm "$server/pub/new%20name" && h rmdir "$server/pub/b%20dir/in/ner" && h rm -r "$server/pub/b%20dir" || return 1
	[ ! -e "$work/pub/new name" ] && [ ! -e "$work/pub/b dir" ]
}
cli_shares() {
	local out
	out=$(h shares -a "$server") && says 'pub ' "$out" && says "$remark" "$out" && says 'IPC$' "$out"
}
cli_tree_copy() {
	local d=$work/tree
	mkdir -p "$d/sub/empty" && echo one >"$d/a" && head -c 200000 "$big/source" >"$d/sub/ü.bin"
	touch -d '2001-02-03 04:05:06.7890123' "$d/a" "$d/sub/ü.bin"
	rm -rf "$work/back" "$work/pub/copied"
	h put -r -p "$d" "$server/pub/copied" && h get -r -p "$server/pub/copied" "$work/back" && h rm -r "$server/pub/copied" || return 1
	diff -r "$d" "$work/back" || { rm -rf "$work/back"; return 1; }
	[ "$(stat -c %y "$d/a")" = "$(stat -c %y "$work/back/a")" ] || { stat -c '%n %y' "$d/a" "$work/back/a"; return 1; }
	rm -rf "$work/back" "$d"
}
row() { # NAME OPTION...
	local name=$1 case
	shift
	options=("$@")
	for case in list list_many small put get beyond_4_gib mkdir rename stat delete shares tree_copy tree_many tree_obstacles tree_full; do
		check "smb1_client/$name/cli_$case" "cli_$case"
	done
}
# The nine packets of a logon in one step, an open and a read, in order and each on its own; then what ends it.
exchange() { # OPTION...
	local got
	got=$(timeout 60 "$HYTHE" trace --dialect NT1 --no-spnego --sign optional "$@" "$server/pub/small" | sed -n 's/.* \(-->\|<--\) SMB1 \([A-Z_]*\).*/\1\2/p' | tr '\n' ' ')
	[ "$got" = "$(for c in NEGOTIATE SESSION_SETUP_ANDX TREE_CONNECT_ANDX OPEN_ANDX READ_ANDX CLOSE TREE_DISCONNECT LOGOFF_ANDX; do printf -- '-->%s <--%s ' $c $c; done)" ] ||
		{ echo "$got"; return 1; }
}
check smb1_client/smbd/tcp/exchange exchange
check smb1_client/smbd/nbss/exchange exchange --nbss
row smbd/tcp --dialect NT1
row smbd/nbss --dialect NT1 --nbss
row smbd/one_step --dialect NT1 --no-spnego --sign optional
row smbd/any --dialect NT1-3.1.1
row smbd/nbss_smb2 --dialect 3.1.1 --nbss
options=(--dialect NT1)
check smb1_client/put_is_stopped/INT put_is_stopped INT # KILL may come between opening and marking, which take two messages
options=()

refused() { # WORDS COMMAND...
	local words=$1 out
	shift
	out=$("$@") && { echo "that worked: $out"; return 1; }
	says "$words" "$out"
}
wrong_password() { HYTHE_PASSWORD=wrong refused 'wrong user name or password' h ls --dialect NT1 "$server/pub"; }
unknown_share() { refused 'has no share "absent"' h ls --dialect NT1 "$server/absent"; }
missing_file() { refused 'no such file or directory' h get --dialect NT1 "$server/pub/not%20there" "$work/none" && [ ! -e "$work/none" ]; }
no_encryption() { refused 'which SMB1 does not have' h ls --dialect NT1 --encrypt "$server/pub"; }
for case in wrong_password unknown_share missing_file no_encryption; do check "smb1_client/$case" "$case"; done

# Our own server, over sessions.
"$HYTHE" user add --state "$work/state" root >/dev/null
start_ours() {
	local line
	"$HYTHE" serve --state "$work/state" --listen nbss:127.0.0.1:0 --listen 127.0.0.1:0 --log-level info --share "pub=$work/pub" --share "big=$big/share" \
		>"$work/ours.log" 2>&1 &
	pids+=($!)
	for _ in $(seq 100); do
		line=$(sed -n 's/^Listening for NetBIOS sessions on .*:\([0-9]*\)$/\1/p' "$work/ours.log")
		[ -n "$line" ] && break
		sleep 0.1
	done
	nbss_port=$line
	direct_port=$(sed -n 's/^Listening on .*:\([0-9]*\)$/\1/p' "$work/ours.log")
	[ -n "$nbss_port" ]
}
check smb1_client/our_server_starts start_ours
rm -rf "$big/share/"*
server=smb://root@127.0.0.1:$nbss_port
remark=
for dialect in 2.1 3.0 3.1.1; do row "ours/nbss/$dialect" --nbss --dialect "$dialect"; done
row ours/nbss/encrypt --nbss --encrypt
options=(--nbss)
for signal in INT KILL; do check "smb1_client/ours/put_is_stopped/$signal" put_is_stopped "$signal"; done
options=()
direct_port_refuses_sessions() { refused 'not listening on called name' h ls --nbss "smb://root@127.0.0.1:$direct_port/pub" && grep -q 'for direct TCP' "$work/ours.log"; }
session_port_refuses_direct() { refused 'hythe:' h ls "smb://root@127.0.0.1:$nbss_port/pub" && grep -q 'without a NetBIOS session' "$work/ours.log"; }
for case in direct_port_refuses_sessions session_port_refuses_direct; do check "smb1_client/$case" "$case"; done

# What asks for sessions on port 139 only: smbclient, and impacket's session client with a name that is ours, an alias, and one that is not.
cat >"$work/ours.conf" <<CONF
[server]
listen = nbss:127.0.0.1:139
name = HERE
aliases = ALSO, AND-THIS
state = $work/state
[share pub]
path = $work/pub
CONF
cat >"$work/names.py" <<'PY'
from impacket import nmb
for name in "HERE", "here", "ALSO", "and-this", "*SMBSERVER":
    nmb.NetBIOSTCPSession("ME", name, "127.0.0.1", sess_port=139).close()
for name, suffix in ("ELSEWHERE", 0x20), ("HERE", 0x03):
    try:
        nmb.NetBIOSTCPSession("ME", name, "127.0.0.1", remote_type=suffix, sess_port=139)
        raise SystemExit("a session with %s<%02x>" % (name, suffix))
    except nmb.NetBIOSError:
        pass
PY
on_139() { # COMMAND..., beside our server on port 139
	unshare -n bash -c '
		ip link set lo up
		"$0" serve --config "$1/ours.conf" >"$1/139.log" 2>&1 &
		server=$!
		trap "kill $server" EXIT
		for _ in $(seq 50); do grep -q "^Listening" "$1/139.log" && break; sleep 0.1; done
		"${@:2}" || { cat "$1/139.log"; exit 1; }
	' "$HYTHE" "$work" "$@"
}
smbclient_by_address() { on_139 timeout 30 smbclient -p 139 //127.0.0.1/pub -U "root%$HYTHE_PASSWORD" -m SMB3 -c "get small $work/small" && cmp "$work/small" "$work/pub/small"; }
smbclient_by_name() { on_139 timeout 30 smbclient -p 139 //HERE/pub -I 127.0.0.1 -U "root%$HYTHE_PASSWORD" -m SMB2 -c "put $work/small back" && cmp "$work/small" "$work/pub/back"; }
ours_by_default_port() { on_139 timeout 30 "$HYTHE" ls --nbss smb://root@127.0.0.1/pub; }
impacket_names() { on_139 timeout 30 /usr/bin/python3 "$work/names.py"; }
for case in smbclient_by_address smbclient_by_name ours_by_default_port; do check "smb1_client/139/$case" "$case"; done
if /usr/bin/python3 -c 'import impacket' 2>/dev/null; then
	check smb1_client/139/impacket_names impacket_names
else
	skip smb1_client/139/impacket_names "impacket is not installed"
fi
[ "$failures" = 0 ]
